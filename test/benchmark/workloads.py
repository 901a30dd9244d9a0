# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is measured: a bundle, the same networks in PyTorch, and frames."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from batch_norms import measure_batch_norms
from closed_form import random_closed_form
from multiply_adds import count_multiply_adds
from tqdm import tqdm

from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import GRAPHS, Bundle, load_bundle, sha256_of
from cosme_ros.bundle.writing import write_manifest
from training.datasets.normal_frames import FitFrames
from training.datasets.registry import load_class_list
from training.datasets.synthetic_streets import SyntheticStreets
from training.export.bfloat16 import allow_bfloat16
from training.export.bundle_writer import FittedMethod, write_bundle
from training.export.float16 import halve
from training.export.graph_runner import GraphRunner
from training.export.int8 import to_int8
from training.export.lower_precision import Convert
from training.export.manifest import manifest_sha256
from training.method import memory
from training.method.graphs import FittedStudent
from training.method.guided_settings import GuidedFilter
from training.method.student import Student
from training.teachers.checkpoint import TeacherCheckpoint
from training.teachers.factory import SegmentationNetwork, build_teacher

TEACHER = "deeplabv3plus_resnet101"
STUDENT = "deeplabv3plus_resnet50"
MEMORY_LAYERS = ("c4", "c5", "lh")
EVALUATION_LAYERS = ("c5",)
PROTOTYPES = 512
FRAMES = 3

# The demo's calibration knows the node's own rate; one of random weights on few frames does not.
_PAPER_RATE = 0.1
_SETTLING_SIZE = (256, 512)  # statistics of batch norms are the same at any size, nearly
_ENOUGH_PIXELS = 1 << 15  # of one frame, to calibrate on it alone: it is what takes long here
_BANK_NOISE = 0.1  # keeps a feature that became a prototype from lying exactly on it


@dataclass(frozen=True)
class Workload:
    """One network at one size."""

    name: str
    bundle: Bundle
    single: Bundle
    """The bundle in single precision: `bundle` itself, unless that is in half precision."""
    method: FittedMethod
    """The networks in PyTorch. Of the demo bundle the layers alone: its weights are not here."""
    own_weights: bool
    """Whether `method` has the weights of `bundle`, so that scores can be compared."""
    images: tuple[np.ndarray, ...]
    """uint8 [H, W, 3] BGR each, H and W the network's own input size."""
    false_positive_rate: float
    multiply_adds: Mapping[str, int]
    """By graph, and `all`, for one frame."""
    int8: Bundle | None = None
    """The same in int8, where it was asked for."""
    bfloat16: Bundle | None = None
    """The same where the networks may compute in bfloat16, where it was asked for."""


class PaperMethod:
    """The paper's networks with random weights, made once and used at any size."""

    def __init__(
        self, width: float, *, teacher_name: str = TEACHER, student_name: str = STUDENT
    ) -> None:
        """`width` is a factor on all numbers of channels; 1 is the paper's."""
        torch.manual_seed(0)
        classes = load_class_list("synthetic").classes
        network = build_teacher(teacher_name, len(classes), width=width)
        student = Student(
            student_name, network.channels, network.strides, width=width, layers=EVALUATION_LAYERS
        )
        frames = frames_of(_SETTLING_SIZE)
        measure_batch_norms(network, tqdm(frames, "teacher's batch norms", unit="frame"))
        measure_batch_norms(student.network, tqdm(frames, "student's batch norms", unit="frame"))
        self._method = FittedMethod(
            teacher=TeacherCheckpoint(network, teacher_name, width, classes, "nothing"),
            student=FittedStudent(student.requires_grad_(False).eval()),
            student_description={
                "fitted": "scratch",
                "architecture": student_name,
                "width": width,
                "supervised_layers": list(EVALUATION_LAYERS),
            },
            banks={},
            evaluation_layers=EVALUATION_LAYERS,
            statistics=None,
            size=_SETTLING_SIZE,
            pooled=True,
        )

    def at(
        self,
        size: tuple[int, int],
        folder: Path,
        *,
        prototypes: int = PROTOTYPES,
        half: bool = False,
        int8: bool = False,
        bfloat16: bool = False,
    ) -> Workload:
        """The workload at `size` (H, W); its bundle is written to `folder`, which may be there.

        With `half` the bundle is in half precision, and lies beside it; with `int8` there is one in
        int8 too, and with `bfloat16` one that may compute in it.
        """
        unfilled = replace(self._method, size=size, banks=dict.fromkeys(MEMORY_LAYERS))
        banks = _banks(unfilled, frames_of(size)[0], prototypes)
        name = f"paper {size[0]}x{size[1]}"
        method = replace(unfilled, banks=banks)
        return export(method, folder, name, half=half, int8=int8, bfloat16=bfloat16)

    @property
    def teacher(self) -> TeacherCheckpoint:
        """The teacher, whose batch norms were measured."""
        return self._method.teacher


def export(
    method: FittedMethod,
    folder: Path,
    name: str,
    *,
    half: bool = False,
    int8: bool = False,
    bfloat16: bool = False,
) -> Workload:
    """Write a bundle of random networks to `folder`, which may be there.

    Args:
        method: the networks, banks and input size.
        folder: of the bundle in single precision; those in others lie beside it.
        name: of the workload and the bundle.
        half: write one in half precision too, which is then the workload's.
        int8: write one in int8 too.
        bfloat16: write one too that may compute in bfloat16.
    """
    size = method.size
    frames = frames_of(size)
    write_bundle(
        folder,
        method,
        frames_of(size, 1 if size[0] * size[1] > _ENOUGH_PIXELS else FRAMES),
        name=name,
        licence="none",
        fitted_on={"description": "nothing: random weights", "frames": 1, "seed": 0},
    )
    single = load_bundle(folder)
    bundle = _lowered(folder, "half", halve) if half else single
    workload = _workload(name, bundle, single, method, True, frames, _PAPER_RATE)
    if bfloat16:
        workload = replace(workload, bfloat16=_lowered(folder, "bfloat16", _unmeasured_bfloat16))
    if not int8:
        return workload
    convert = to_int8(frames)
    return replace(workload, int8=_lowered(folder, "int8", convert))


def _unmeasured_bfloat16(bundle: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """`Convert` to bfloat16; random weights have no average precision that could be lost."""
    allow_bfloat16(bundle, folder, manifest)
    manifest["precision"] = {
        "networks": "bfloat16",
        "made_from": manifest_sha256(bundle),
        "measured_on": "nothing: random weights",
        "frames": 1,
        "average_precision": 1.0,
        "single_average_precision": 1.0,
        "relative_error": {},
    }


def demo_workload(path: Path, bag: Path, image_topic: str, false_positive_rate: float) -> Workload:
    """The demo's bundle, or any whose networks `training.teachers` can build, on frames of a bag.

    The frames are brought to the network's size, where they are not of it.
    """
    bundle = load_bundle(path)
    pictures = [frame.image for frame in itertools.islice(read_frames(bag, image_topic), FRAMES)]
    frames = FitFrames(pictures, np.arange(len(pictures)), bundle.input_size)
    height, width = bundle.input_size
    name = f"{bundle.name} {height}x{width}"
    method = _method_like(bundle)
    return _workload(name, bundle, bundle, method, False, frames, false_positive_rate)


def _workload(
    name: str,
    bundle: Bundle,
    single: Bundle,
    method: FittedMethod,
    own: bool,
    frames: FitFrames,
    rate: float,
) -> Workload:
    images = tuple(frames[index] for index in range(len(frames)))
    counts = _multiply_adds(single.path, images[0])
    return Workload(name, bundle, single, method, own, images, rate, counts)


def _lowered(folder: Path, precision: str, convert: Convert) -> Bundle:
    out = folder.with_name(f"{folder.name}_{precision}")
    write_converted(folder, out, convert)
    return load_bundle(out)


def _multiply_adds(folder: Path, image: np.ndarray) -> dict[str, int]:
    runner = GraphRunner(folder)
    tensors = {"image": image[None], **runner.banks, **runner.run(image)}
    counts = {
        graph: count_multiply_adds(
            folder / f"{graph}.onnx",
            {value.name: tensors[value.name] for value in runner.sessions[graph].get_inputs()},
        )
        for graph in tqdm(GRAPHS, "counting multiply-adds", unit="graph")
    }
    return {**counts, "all": sum(counts.values())}


def frames_of(size: tuple[int, int], count: int = FRAMES) -> FitFrames:
    """Return frames of the synthetic streets, brought to `size` (H, W)."""
    return FitFrames(SyntheticStreets(0, count).images, np.arange(count), size)


def _banks(method: FittedMethod, image: np.ndarray, prototypes: int) -> dict[str, torch.Tensor]:
    """Features of one frame, chosen at random and disturbed: float32 [K, C] of norm 1 by layer."""
    teacher, _, _ = method.graphs()
    with torch.inference_mode():
        features = dict(
            zip(teacher.output_names, teacher(torch.from_numpy(image)[None]), strict=True)
        )
    generator = torch.Generator().manual_seed(0)
    banks = {}
    for layer, pooled in memory.pooled({x: features[x] for x in MEMORY_LAYERS}).items():
        vectors = F.normalize(memory.as_vectors(pooled), dim=1)
        chosen = vectors[torch.randint(len(vectors), (prototypes,), generator=generator)]
        noise = torch.randn(chosen.shape, generator=generator) / chosen.shape[1] ** 0.5
        banks[layer] = F.normalize(chosen + _BANK_NOISE * noise, dim=1)
    return banks


def _method_like(bundle: Bundle) -> FittedMethod:
    """The networks that a manifest describes, with random weights: time does not depend on them."""
    teacher, student, method = (bundle.manifest[key] for key in ("teacher", "student", "method"))
    torch.manual_seed(0)
    network = build_teacher(
        teacher["architecture"],
        len(bundle.classes),
        width=teacher["width"],
        output_stride=teacher["output_stride"],
    )
    frames = frames_of(bundle.input_size)
    measure_batch_norms(network, frames)
    own = _student_like(student, method, network, bundle.input_size)
    return FittedMethod(
        teacher=TeacherCheckpoint(network, teacher["architecture"], teacher["width"], (), ""),
        student=own,
        student_description={},
        banks={
            layer: torch.from_numpy(bundle.banks[f"bank_{layer}"].copy())
            for layer in method["layers"]
        },
        evaluation_layers=tuple(method["evaluation_layers"]),
        statistics=None,
        size=bundle.input_size,
        pooled=method["pooled"],
        memory_grid=tuple(method["memory_grid"]) if "memory_grid" in method else None,
        layer_powers=method.get("layer_powers", {}),
        smoothing=method["smoothing"],
        guided=GuidedFilter(**method["guided"]) if "guided" in method else None,
        auxcon_power=method["auxcon_power"],
        backward_power=method.get("backward_power", 1.0),
    )


def _student_like(
    student: Mapping[str, Any],
    method: Mapping[str, Any],
    network: SegmentationNetwork,
    size: tuple[int, int],
) -> FittedStudent:
    if student["fitted"] == "ridge":
        own = student.get("input_size")
        return random_closed_form(
            network,
            student["architecture"],
            size,
            own_size=None if own is None else (own["height"], own["width"]),
            backbone_layers=tuple(student["channels"]),
            layers=method["evaluation_layers"],
            backward_layers=method["backward_layers"],
        )
    scratch = Student(
        student["architecture"],
        network.channels,
        network.strides,
        width=student["width"],
        layers=method["evaluation_layers"],
    )
    measure_batch_norms(scratch.network, frames_of(size))
    return FittedStudent(scratch.requires_grad_(False).eval())


def write_converted(bundle: Path, out: Path, convert: Convert) -> None:
    """Write the bundle in the folder `bundle`, of single precision, to `out` as `convert` does.

    `python -m training halve` and `quantise` write one only if it keeps the average precision. The
    weights here are random, and have none to keep.
    """
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    convert(bundle, out, manifest)
    for file, entry in manifest["files"].items():
        entry["sha256"] = sha256_of(out / file)
    write_manifest(out, manifest)
