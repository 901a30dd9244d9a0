# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The two ways to a student: trained from scratch, or in closed form on a frozen generalist."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from training.datasets.normal_frames import FitFrames
from training.fitting.ridge_student import fit_closed_form
from training.fitting.scratch_student import train_student
from training.fitting.settings import SAVE_EVERY, RidgeSettings, StudentSettings
from training.method.consensus import BackwardMap
from training.method.generalist import Generalist
from training.method.ridge_student import RidgeStudent
from training.method.student import Student
from training.teachers.interface import Teacher

AnyStudent = Student | RidgeStudent


@dataclass(frozen=True)
class FittedStudent:
    """What AuxCon compares the teacher with.

    Attributes:
        network: frozen, on the CPU.
        backward: layer of the teacher to the map that explains the generalist by it; empty for a
            student that was trained from scratch, and for the paper's one way.
    """

    network: AnyStudent
    backward: Mapping[str, BackwardMap] = field(default_factory=dict)


def fit_student(
    teacher: Teacher,
    generalist: Generalist | None,
    frames: FitFrames,
    settings: StudentSettings | RidgeSettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
) -> FittedStudent:
    """Fit the student that the settings are for; see train_student and fit_closed_form."""
    if isinstance(settings, RidgeSettings):
        assert generalist is not None
        closed = fit_closed_form(
            teacher, generalist, frames, settings, state_path, fabric=fabric, save_every=save_every
        )
        return FittedStudent(closed.student, closed.backward)
    return FittedStudent(
        train_student(teacher, frames, settings, state_path, fabric=fabric, save_every=save_every)
    )


def described(settings: StudentSettings | RidgeSettings) -> dict[str, Any]:
    """Return what the manifest says of a student, besides its layers and how well it imitates."""
    if isinstance(settings, RidgeSettings):
        size = settings.size
        return {
            "fitted": "ridge",
            "architecture": settings.backbone,
            "penalty": settings.penalty,
            **({} if size is None else {"input_size": {"height": size[0], "width": size[1]}}),
        }
    return {
        "fitted": "scratch",
        "architecture": settings.architecture,
        "width": settings.width,
        "steps": settings.steps,
    }
