# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Teacher checkpoints: the weights and what is needed to build the network again."""

from dataclasses import asdict, dataclass
from pathlib import Path

from training.checkpoint_file import read_checkpoint, save_checkpoint
from training.datasets.readers.class_list import SegmentationClass
from training.errors import UsageError
from training.teachers.factory import build_teacher
from training.teachers.interface import Teacher

_REMEDY = "make one with `python -m training teacher` or `import-teacher`"


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
    save_checkpoint(path, content)


def load_teacher(path: Path) -> TeacherCheckpoint:
    """Read a checkpoint; its network is in evaluation mode and frozen.

    Raises:
        FileNotFoundError: no such file.
        UsageError: the file is not a teacher checkpoint, or it is damaged.
    """
    content = read_checkpoint(
        path,
        ("architecture", "width", "classes", "trained_on", "state"),
        what="teacher checkpoint",
        remedy=_REMEDY,
    )
    try:
        classes = tuple(
            SegmentationClass(c["name"], tuple(c["colour"]), c["drivable"])
            for c in content["classes"]
        )
        network = build_teacher(
            content["architecture"],
            len(classes),
            width=content["width"],
            # Checkpoints of before there was a choice have none.
            **content.get("settings", {}),
        )
        network.load_state_dict(content["state"])
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is no teacher checkpoint of this version: {str(error)[:500]}; {_REMEDY}"
        ) from error
    network.requires_grad_(False).eval()
    return TeacherCheckpoint(
        network, content["architecture"], content["width"], classes, content["trained_on"]
    )
