# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A teacher, a memory and a student learned by as many CPU processes as it is told.

Run by test_compute.py, because Fabric starts further processes by running the program again. What
processes compute apart, dropout and batch normalisation, is not in these networks.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training.compute import Compute
from training.datasets.normal_frames import FitFrames
from training.datasets.readers.class_list import SegmentationClass
from training.fitting import scratch_student
from training.fitting.memory import fit_memory
from training.fitting.scratch_student import train_student
from training.fitting.settings import MemorySettings, StudentSettings
from training.segmentation import trainer
from training.segmentation.settings import TeacherSettings
from training.segmentation.trainer import TeacherTraining
from training.teachers.factory import build_teacher
from training.teachers.networks.deeplabv3plus import DeepLabV3Plus

SIZE = (64, 96)
CLASSES = tuple(SegmentationClass(name, (0, 0, 0), False) for name in ("a", "b", "c"))
MEMORY = MemorySettings(layers=("c4", "lh"), prototypes=16, batch=8, epochs=2)
STUDENT = StudentSettings(
    "plain", layers=("c2",), steps=3, batch=4, crop_height=32, crop_width=48, workers=1
)
TEACHER = TeacherSettings(
    architecture="deeplabv3plus_resnet18",
    width=0.0625,
    pretrained=False,
    backbone_weights=None,
    crop_height=32,
    crop_width=48,
    batch=4,
    steps=3,
    optimiser="sgd",
    learning_rate=0.1,
    backbone_rate=1.0,
    weight_decay=0.0,
    balance=False,
    seed=0,
    data="blocks",
    auxiliary_weight=0.5,
)


class Blocks:
    """Coarse random pictures, labelled by brightness; each has its own share of ignored pixels."""

    def __len__(self) -> int:
        return 19

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        coarse = np.random.default_rng(index).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        image = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
        label = (image[..., 0] // 86).astype(np.uint8)
        label[: 3 * index] = 255
        return image, label


class Pictures(Blocks):
    def __getitem__(self, index: int) -> np.ndarray:
        return super().__getitem__(index)[0]


class PlainStudent(nn.Module):
    """Sees c2 of its teacher; has a layer that nothing judges, as students may."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean, self.standard_deviation = (0.5,) * 3, (0.25,) * 3
        self.layers = ("c2",)
        self.see = nn.Conv2d(3, channels, 4, stride=4)
        self.unjudged = nn.Conv2d(3, 1, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"c2": self.see(x)}


def without_chance(network: nn.Module) -> nn.Module:
    """Normalise each image by itself, and draw no dropout."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, nn.GroupNorm(1, child.num_features))
        elif isinstance(child, nn.Dropout):
            setattr(network, name, nn.Identity())
        else:
            without_chance(child)
    return network


def teacher_network() -> DeepLabV3Plus:
    torch.manual_seed(0)
    return without_chance(build_teacher(TEACHER.architecture, len(CLASSES), width=TEACHER.width))


def use_such_networks(set_attribute: Callable[[object, str, Any], None]) -> None:
    """Make the two trainings build the networks of this file."""
    set_attribute(trainer, "_build", lambda settings, classes: teacher_network())
    set_attribute(
        scratch_student,
        "_new_student",
        lambda teacher, settings: PlainStudent(teacher.channels["c2"]),
    )


def learn(folder: Path, processes: int) -> dict[str, torch.Tensor]:
    """Every number that was learned, by name."""
    compute = Compute("cpu", processes)
    training = TeacherTraining(TEACHER, Blocks(), CLASSES, folder / "run", compute=compute)
    training.run(save_every=2, validate=lambda _: None, validate_every=2)
    fabric = compute.launch()
    teacher = teacher_network().requires_grad_(False).eval()
    frames = FitFrames(Pictures(), np.arange(19), SIZE)
    banks = fit_memory(teacher, frames, MEMORY, folder / "memory.pt", fabric=fabric)
    student = train_student(teacher, frames, STUDENT, folder / "student.pt", fabric=fabric)
    return {
        **{f"bank {layer}": bank for layer, bank in banks.items()},
        **{f"student {name}": value for name, value in student.state_dict().items()},
        **{f"teacher {name}": v for name, v in training._network.state_dict().items()},
        "losses": torch.tensor(training.losses),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_such_networks(setattr)
    into = Path(sys.argv[1])
    learned = learn(into, int(sys.argv[2]))
    torch.save(learned, into / f"learned_{torch.distributed.get_rank()}.pt")
