"""From a teacher and normal frames to a bundle: memory, statistics, student, export."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from training.checkpoint import TeacherCheckpoint
from training.datasets.frames import FrameSource
from training.errors import UsageError
from training.export import FittedMethod, write_bundle
from training.fit_frames import FitFrames, split_frames
from training.fit_settings import FitSettings
from training.graphs import CLASS_ID, MemoryGraph, TeacherGraph
from training.imitation import explained_variance
from training.layers import bank_of
from training.memory_fitting import fit_memory
from training.standardisation import ClassStatistics, StatisticsAccumulator
from training.students import described, make_student
from training.suitability import measure_suitability

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
) -> dict[str, Any]:
    """Fit and write a bundle to `out`; what is done so far is kept in `out` + ".fit".

    Returns:
        The bundle's manifest.

    Raises:
        UsageError: settings that contradict each other or an unfinished run; too few frames.
    """
    _check_layers(settings)
    fitting, held_out = split_frames(
        source,
        settings.size,
        calibration_share=settings.calibration_share,
        most=settings.most_frames,
    )
    work = out.with_name(out.name + ".fit")
    _claim(work, settings, teacher, description)
    teacher.network.to("cuda" if torch.cuda.is_available() else "cpu")
    banks = fit_memory(teacher.network, fitting, settings.memory, work / "memory.pt")
    student = make_student(teacher.network, fitting, settings.student, work / "student.pt")
    # What is exported and checked runs where vehicles and parity checks run: on the CPU.
    teacher.network.to("cpu")
    statistics = (
        class_statistics(teacher, banks, fitting, settings.size) if settings.standardised else None
    )
    suitability = measure_suitability(teacher.network, banks, fitting, held_out)
    for warning in suitability.warnings():
        tqdm.write(f"warning: {warning}")
    explained = explained_variance(teacher.network, student, held_out)
    for layer, share in explained.items():
        tqdm.write(f"student, {layer}: explains {share:.0%} of the teacher's variance")
    method = FittedMethod(
        teacher=teacher,
        student=student,
        student_description={
            **described(settings.student),
            "supervised_layers": list(settings.student.layers),
            "explained_variance": explained,
        },
        banks=banks,
        evaluation_layers=settings.evaluation_layers,
        statistics=statistics,
        size=settings.size,
    )
    return write_bundle(
        out,
        method,
        held_out,
        name=name,
        licence=licence,
        fitted_on={
            "description": description,
            "frames": len(fitting),
            "seed": settings.memory.seed,
            "suitability": suitability.as_dict(),
        },
    )


def class_statistics(
    teacher: TeacherCheckpoint,
    banks: dict[str, torch.Tensor],
    frames: FitFrames,
    size: tuple[int, int],
) -> ClassStatistics:
    """Mean and deviation of Gamma per predicted class over (at most 200 of) the frames."""
    layers = tuple(banks)
    scorer = MemoryGraph(layers, (), None)
    teacher_graph = TeacherGraph(teacher.network, scorer.features, size).eval()
    sums = StatisticsAccumulator(len(teacher.classes))
    step = max(1, len(frames) // MOST_STATISTICS_FRAMES)
    for index in tqdm(range(0, len(frames), step), "class statistics", unit="frame"):
        with torch.inference_mode():
            outputs = teacher_graph(torch.from_numpy(frames[index])[None])
            tensors = dict(zip(teacher_graph.output_names, outputs, strict=True))
            tensors |= {bank_of(layer): bank for layer, bank in banks.items()}
            sums.add(scorer.mulmem(tensors), tensors[CLASS_ID])
    return sums.statistics()


def _check_layers(settings: FitSettings) -> None:
    unsupervised = set(settings.evaluation_layers) - set(settings.student.layers)
    if unsupervised:
        raise UsageError(
            f"the student never learns {', '.join(sorted(unsupervised))}; evaluation layers "
            f"must be among the supervised ones: {', '.join(settings.student.layers)}"
        )


def _claim(work: Path, settings: FitSettings, teacher: TeacherCheckpoint, description: str) -> None:
    """Refuse to go on from a run with other settings: the result would belong to neither."""
    work.mkdir(parents=True, exist_ok=True)
    record = work / "settings.json"
    digest = hashlib.sha256()
    for value in teacher.network.state_dict().values():
        digest.update(value.numpy().tobytes())
    content = {
        "settings": asdict(settings),
        "frames": description,
        "teacher": {"architecture": teacher.architecture, **teacher.network.settings},
        "teacher_sha256": digest.hexdigest(),
    }
    wanted = json.dumps(content, indent=2) + "\n"
    if record.exists() and record.read_text(encoding="utf-8") != wanted:
        raise UsageError(
            f"{work} holds an unfinished run with other settings; remove it to start anew, or "
            "repeat the command with the settings recorded in its settings.json"
        )
    record.write_text(wanted, encoding="utf-8")
