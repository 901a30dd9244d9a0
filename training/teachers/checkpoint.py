# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Teacher checkpoints: the weights and what is needed to build the network again."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from training.datasets.readers.class_list import SegmentationClass
from training.teachers.factory import build_teacher
from training.teachers.interface import Teacher


@dataclass(frozen=True)
class TeacherCheckpoint:
    """A frozen teacher and its description."""

    network: Teacher
    architecture: str
    width: float
    classes: tuple[SegmentationClass, ...]
    trained_on: str


def save_teacher(path: Path, checkpoint: TeacherCheckpoint) -> None:
    """Write a checkpoint; whoever reads `path` sees the old file or the whole new one."""
    content = {
        "architecture": checkpoint.architecture,
        "width": checkpoint.width,
        "classes": [asdict(c) for c in checkpoint.classes],
        "trained_on": checkpoint.trained_on,
        "settings": checkpoint.network.settings,
        "state": checkpoint.network.state_dict(),
    }
    save_atomically(path, content)


def save_atomically(path: Path, content: object) -> None:
    """`torch.save` by way of a temporary name, so that a kill leaves no half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    torch.save(content, temporary)
    temporary.replace(path)


def load_teacher(path: Path) -> TeacherCheckpoint:
    """Read a checkpoint; its network is in evaluation mode and frozen.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is not a teacher checkpoint; the message says what is missing.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    missing = {"architecture", "width", "classes", "trained_on", "state"} - set(content)
    if missing:
        raise ValueError(
            f"{path} is no teacher checkpoint: it lacks {', '.join(sorted(missing))}; "
            "make one with `python -m training teacher`"
        )
    classes = tuple(
        SegmentationClass(c["name"], tuple(c["colour"]), c["drivable"]) for c in content["classes"]
    )
    network = build_teacher(
        content["architecture"],
        len(classes),
        width=content["width"],
        # Checkpoints of before there was a choice have none.
        **content.get("settings", {}),
    )
    network.load_state_dict(content["state"])
    network.requires_grad_(False).eval()
    return TeacherCheckpoint(
        network, content["architecture"], content["width"], classes, content["trained_on"]
    )
