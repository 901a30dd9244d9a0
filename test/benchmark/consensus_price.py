# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What anomaly detection adds to a frame of the teacher: the default method beside it.

    PYTHONPATH=.:test/benchmark python test/benchmark/consensus_price.py --size 512 1024 --rounds 5

Weights are random where none come with a package: time does not depend on them. Bare sessions of
ONNX Runtime, round by round in one run, so that what else the machine does meets both alike.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from closed_form import random_closed_form
from rounds import time_side_by_side

from training.datasets.readers.class_list import SegmentationClass
from training.export.bundle_writer import FittedMethod, run_torch
from training.export.onnx_writer import write_image_graph, write_memory_graph
from training.fitting.settings import RidgeSettings
from training.layers import bank_of
from training.method.presets import DEFAULT, generalist_size
from training.method.ridge_student import RidgeStudent
from training.teachers.checkpoint import TeacherCheckpoint
from training.teachers.factory import build_teacher

CLASSES = 19


def main() -> int:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="deeplabv3plus_resnet101", help="the teacher")
    parser.add_argument("--generalist", default=RidgeSettings.backbone)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0: ONNX Runtime's choice")
    options = parser.parse_args()
    size = (options.size[0], options.size[1])
    method = _random_method(options.architecture, options.generalist, size)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        teacher, whole = _sessions(method, image, Path(folder), options.threads)
        timed = time_side_by_side(
            {"teacher": teacher, "default": whole}, rounds=options.rounds, label="price"
        )
    pairs = zip(timed.seconds["default"], timed.seconds["teacher"], strict=True)
    ratios = sorted(whole / teacher for whole, teacher in pairs)
    print(json.dumps(timed.milliseconds(), indent=1))
    print(
        f"default over teacher, round by round: median {np.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
    )
    return 0


def _random_method(architecture: str, backbone: str, size: tuple[int, int]) -> FittedMethod:
    torch.manual_seed(0)
    network = build_teacher(architecture, CLASSES).requires_grad_(False).eval()
    classes = tuple(SegmentationClass(str(i), (i, i, i), i == 0) for i in range(CLASSES))
    student = random_closed_form(
        network,
        backbone,
        size,
        own_size=generalist_size(size),
        backbone_layers=None,
        layers=DEFAULT.evaluation_layers,
        backward_layers=DEFAULT.backward_layers,
    )
    assert isinstance(student.network, RidgeStudent)
    generalist = student.network.generalist
    places = generalist.slices()
    banks = {}
    for layer in DEFAULT.memory_layers:
        place = places.get(layer)
        count = network.channels[layer] if place is None else place.stop - place.start
        bank = torch.randn(DEFAULT.prototypes, count)
        banks[layer] = torch.nn.functional.normalize(bank, dim=1)
    return FittedMethod(
        teacher=TeacherCheckpoint(network, architecture, 1.0, classes, "nothing"),
        student=student,
        student_description={},
        banks=banks,
        evaluation_layers=DEFAULT.evaluation_layers,
        statistics=None,
        size=size,
        pooled=DEFAULT.pooled,
        smoothing=DEFAULT.smoothing,
        guided=DEFAULT.guided,
        auxcon_power=DEFAULT.auxcon_power,
        backward_power=DEFAULT.backward_power,
    )


def _sessions(
    method: FittedMethod, image: np.ndarray, folder: Path, threads: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the teacher, and the whole method, as calls on one image."""
    teacher, student, memory = method.graphs()
    write_image_graph(teacher, folder / "teacher.onnx")
    write_image_graph(student, folder / "student.onnx")
    write_memory_graph(memory, run_torch(method, image), folder / "memory.onnx")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    opened = {
        name: onnxruntime.InferenceSession(
            folder / f"{name}.onnx", settings, providers=["CPUExecutionProvider"]
        )
        for name in ("teacher", "student", "memory")
    }
    banks = {bank_of(layer): bank.numpy() for layer, bank in method.banks.items()}

    def run(name: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        session = opened[name]
        names = [spec.name for spec in session.get_outputs()]
        feed = {spec.name: tensors[spec.name] for spec in session.get_inputs()}
        return dict(zip(names, session.run(names, feed), strict=True))

    def teacher_frame() -> object:
        return run("teacher", {"image": image[None]})

    def whole() -> object:
        tensors = {"image": image[None], **banks}
        tensors |= run("teacher", tensors)
        tensors |= run("student", tensors)
        return run("memory", tensors)

    return teacher_frame, whole


if __name__ == "__main__":
    raise SystemExit(main())
