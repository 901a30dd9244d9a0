# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What `fit` keeps beside a bundle: more of the student than the bundle holds."""

import json
from pathlib import Path

from training.checkpoint_file import read_checkpoint
from training.errors import UsageError
from training.method.student import Student
from training.teachers.interface import Teacher

SETTINGS_FILE = "settings.json"
STUDENT_FILE = "student.pt"


def state_folder(bundle: Path) -> Path:
    """Return where `fit` stores its progress for a bundle."""
    return bundle.with_name(bundle.name + ".fit")


def read_student(folder: Path, teacher: Teacher) -> Student | None:
    """Return the trained student with all its layers, in evaluation mode, frozen, on the CPU.

    Args:
        folder: see `state_folder`.
        teacher: whose channels its layers have.

    Returns:
        None if nothing is kept there, or a student that was not trained.

    Raises:
        UsageError: what is kept is unfinished, or does not fit the teacher.
    """
    settings_path, state_path = folder / SETTINGS_FILE, folder / STUDENT_FILE
    if not settings_path.is_file() or not state_path.is_file():
        return None
    try:
        settings = json.loads(settings_path.read_text(encoding="utf-8"))["settings"]["student"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{settings_path} is damaged: {error}; delete {folder} and repeat the `fit` command"
        ) from error
    if "architecture" not in settings:
        # In closed form: it learned nothing but what the bundle holds.
        return None
    state = read_checkpoint(
        state_path,
        ("step", "student"),
        what="trained student",
        remedy=f"delete {folder} and repeat the `fit` command",
    )
    if state["step"] < settings["steps"]:
        raise UsageError(
            f"{state_path} is at step {state['step']} of {settings['steps']}: repeat the `fit` "
            "command to finish it"
        )
    student = Student(
        settings["architecture"],
        teacher.channels,
        teacher.strides,
        width=settings["width"],
        layers=settings["layers"],
    )
    try:
        student.load_state_dict(state["student"])
    except RuntimeError as error:
        raise UsageError(f"{state_path} is not of this teacher's student: {error}") from error
    return student.requires_grad_(False).eval()
