# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a teacher and normal frames to a bundle: memory, statistics, student, export."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.loggers import Logger
from torch import nn
from tqdm import tqdm

from cosme_ros.atomic_files import write_atomically
from training.compute import ALONE, Compute, batch_share
from training.datasets.interface import FrameSource
from training.datasets.normal_frames import FitFrames, open_static_mask, split_frames
from training.errors import UsageError
from training.export.bundle_writer import FittedMethod, write_bundle
from training.fitting.memory import fit_memory
from training.fitting.quality import SHEET_FILE, FitFacts, grade_bundle
from training.fitting.ridge_student import build_generalist
from training.fitting.settings import SAVE_EVERY, FitSettings, RidgeSettings, StudentSettings
from training.fitting.students import described, fit_student
from training.fitting.suitability import explained_variance, measure_suitability
from training.layers import bank_of, is_generalist_layer
from training.method.generalist import Generalist
from training.method.graphs import CLASS_ID, MemoryGraph, TeacherGraph
from training.method.standardisation import ClassStatistics, StatisticsAccumulator
from training.teachers.checkpoint import TeacherCheckpoint
from training.teachers.interface import Teacher

MOST_STATISTICS_FRAMES = 200


def fit(
    teacher: TeacherCheckpoint,
    source: FrameSource,
    settings: FitSettings,
    out: Path,
    *,
    name: str,
    licence: str,
    description: str,
    compute: Compute = ALONE,
    save_every: int = SAVE_EVERY,
    loggers: Sequence[Logger] = (),
) -> dict[str, Any] | None:
    """Fit and write a bundle to `out`; what is done so far is kept in `out` + ".fit".

    Args:
        teacher: frozen.
        source: normal frames, upright.
        settings: what to compute.
        out: the bundle's folder.
        name, licence, description: of the bundle and the frames, for its manifest.
        compute: where memory and student are learned. Statistics and export need one process:
            the first goes on alone.
        save_every: steps between two saves of progress; does not change the result.
        loggers: get the loss of a student that is trained from scratch.

    Returns:
        The bundle's manifest; None in every process but the first.

    Raises:
        UsageError: settings that contradict each other, an unfinished run or the number of
            processes; too few frames.
    """
    _check_layers(settings)
    mask = open_static_mask(
        settings.static_mask, source, settings.size, orientation=settings.orientation
    )
    fitting, held_out = split_frames(
        source,
        settings.size,
        calibration_share=settings.calibration_share,
        most=settings.most_frames,
        picture_size=_picture_size(settings),
        static_mask=mask,
    )
    work = out.with_name(out.name + ".fit")
    fabric = compute.launch(loggers)
    if isinstance(settings.student, StudentSettings):
        # Now, not when the memory is done and the student's turn has come.
        batch_share(fabric, settings.student.batch)
    generalist = _open_generalist(teacher.network, fitting, settings)
    sha256 = None if mask is None else mask.sha256
    record = _record(settings, teacher, generalist, description, compute.precision, sha256)
    _claim(work, record, write=fabric.is_global_zero)
    if fabric.world_size == 1:
        fitting.decode_once(work)
        held_out.decode_once(work)
    teacher.network.to(fabric.device)
    if generalist is not None:
        generalist.to(fabric.device)
    banks = fit_memory(
        teacher.network,
        fitting,
        settings.memory,
        work / "memory.pt",
        fabric=fabric,
        save_every=save_every,
        generalist=generalist,
    )
    student = fit_student(
        teacher.network,
        generalist,
        fitting,
        settings.student,
        work / "student.pt",
        fabric=fabric,
        save_every=save_every,
    )
    if not fabric.is_global_zero:
        return None
    statistics = (
        class_statistics(teacher, banks, fitting, settings) if settings.standardised else None
    )
    fitted_on: dict[str, Any] = {
        "description": description,
        "frames": len(fitting),
        "seed": settings.memory.seed,
    }
    if mask is not None:
        fitted_on["static_mask"] = {"sha256": mask.sha256, "hidden_share": mask.hidden_share}
    explained: dict[str, float] = {}
    similarity_gap: dict[str, float] = {}
    if student.network.layers:
        suitability = measure_suitability(
            teacher.network,
            {layer: bank for layer, bank in banks.items() if not is_generalist_layer(layer)},
            fitting,
            held_out,
            pooled=settings.memory.pooled,
            grid=settings.memory.grid(settings.size),
        )
        similarity_gap = suitability.similarity_gap
        fitted_on["suitability"] = asdict(suitability)
        student.network.to(fabric.device)
        explained = explained_variance(teacher.network, student.network, held_out)
    # What is exported and checked runs where vehicles and parity checks run: on the CPU.
    teacher.network.to("cpu")
    student.network.to("cpu")
    for layer, share in explained.items():
        tqdm.write(f"student, {layer}: explains {share:.0%} of the teacher's variance")
    method = FittedMethod(
        teacher=teacher,
        student=student,
        student_description={
            **described(settings.student),
            "supervised_layers": list(settings.student.layers),
            "explained_variance": explained,
            **({} if generalist is None else {"channels": generalist.layer_channels}),
        },
        banks=banks,
        evaluation_layers=settings.evaluation_layers,
        statistics=statistics,
        size=settings.size,
        pooled=settings.memory.pooled,
        memory_grid=settings.memory.grid(settings.size),
        layer_powers=settings.memory.layer_powers,
        smoothing=settings.smoothing,
        guided=settings.guided,
        auxcon_power=settings.auxcon_power,
        backward_power=settings.backward_power,
        half_weights=settings.half_weights,
    )
    write_bundle(
        out,
        method,
        held_out,
        name=name,
        licence=licence,
        fitted_on=fitted_on,
        fitted_frames=fitting,
        pictured=fitting if settings.prototype_pictures else None,
    )
    facts = FitFacts(len(fitting), similarity_gap)
    sheet = work / SHEET_FILE
    quality, manifest = grade_bundle(out, held_out, facts, settings.memory.seed, sheet)
    for line in quality.lines():
        tqdm.write(line)
    tqdm.write(f"{sheet} shows what was painted, and what of it raised an alarm")
    return manifest


def class_statistics(
    teacher: TeacherCheckpoint,
    banks: dict[str, torch.Tensor],
    frames: FitFrames,
    settings: FitSettings,
) -> ClassStatistics:
    """Return mean and deviation of Gamma per predicted class, over at most 200 frames.

    Works on the teacher's device; the result is on the CPU.
    """
    layers = tuple(banks)
    device = next(teacher.network.parameters()).device
    scorer = MemoryGraph(
        layers,
        (),
        None,
        pooled=settings.memory.pooled,
        memory_grid=settings.memory.grid(settings.size),
        layer_powers=settings.memory.layer_powers,
    )
    teacher_graph = TeacherGraph(teacher.network, scorer.features, settings.size)
    teacher_graph = teacher_graph.to(device).eval()
    banks = {layer: bank.to(device) for layer, bank in banks.items()}
    sums = StatisticsAccumulator(len(teacher.classes))
    step = max(1, len(frames) // MOST_STATISTICS_FRAMES)
    for index in tqdm(range(0, len(frames), step), "class statistics", unit="frame"):
        with torch.inference_mode():
            outputs = teacher_graph(torch.from_numpy(frames[index])[None].to(device))
            tensors = dict(zip(teacher_graph.output_names, outputs, strict=True))
            tensors |= {bank_of(layer): bank for layer, bank in banks.items()}
            gamma, class_id = scorer.mulmem(tensors).cpu(), tensors[CLASS_ID].cpu()
            if frames.static_mask is not None:
                places = torch.tensor(frames.static_mask.places(*class_id.shape[-2:]))
                gamma, class_id = gamma[..., places], class_id[..., places]
            sums.add(gamma, class_id)
    return sums.statistics()


def _picture_size(settings: FitSettings) -> tuple[int, int] | None:
    own = settings.student.size if isinstance(settings.student, RidgeSettings) else None
    return own if own is not None and own[0] > settings.size[0] else None


def _open_generalist(
    teacher: Teacher, frames: FitFrames, settings: FitSettings
) -> Generalist | None:
    """Return the generalist, where there is to be one."""
    if isinstance(settings.student, RidgeSettings):
        generalist = build_generalist(teacher, frames, settings.student)
        known = generalist.slices()
        for layer in settings.memory.layers:
            if is_generalist_layer(layer) and layer not in known:
                raise UsageError(
                    f"{layer} cannot be remembered; the generalist gives {', '.join(known)}"
                )
        return generalist
    if any(is_generalist_layer(layer) for layer in settings.memory.layers):
        raise UsageError(
            "a student that is trained from scratch has no generalist; its layers cannot be "
            f"remembered: {', '.join(settings.memory.layers)}"
        )
    return None


def _check_layers(settings: FitSettings) -> None:
    unsupervised = set(settings.evaluation_layers) - set(settings.student.layers)
    if unsupervised:
        raise UsageError(
            f"the student never learns {', '.join(sorted(unsupervised))}; evaluation layers "
            f"must be among the supervised ones: {', '.join(settings.student.layers)}"
        )


def _record(
    settings: FitSettings,
    teacher: TeacherCheckpoint,
    generalist: Generalist | None,
    description: str,
    precision: str,
    static_mask_sha256: str | None,
) -> str:
    """Return all that decides the result, as text."""
    decisive = asdict(settings)
    # Frames are prepared alike by any number of processes.
    decisive["student"].pop("workers", None)
    content = {
        "settings": decisive,
        "frames": description,
        "teacher": {"architecture": teacher.architecture, **teacher.network.settings},
        "teacher_sha256": _weights_sha256(teacher.network),
        "generalist_sha256": None if generalist is None else _weights_sha256(generalist),
        "precision": precision,
        "static_mask_sha256": static_mask_sha256,
    }
    return json.dumps(content, indent=2) + "\n"


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _claim(work: Path, record: str, *, write: bool) -> None:
    """Refuse to go on from a run with other settings: the result would belong to neither."""
    path = work / "settings.json"
    if path.exists():
        if path.read_text(encoding="utf-8") != record:
            raise UsageError(
                f"{work} holds an unfinished run with other settings; remove it to start anew, or "
                "repeat the command with the settings recorded in its settings.json"
            )
    elif write:
        work.mkdir(parents=True, exist_ok=True)
        write_atomically(path, record)
