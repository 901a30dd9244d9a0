# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The two ways to a student: trained from scratch, or in closed form on a frozen generalist."""

from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from training.datasets.normal_frames import FitFrames
from training.fitting.ridge_student import fit_closed_form
from training.fitting.scratch_student import train_student
from training.fitting.settings import SAVE_EVERY, RidgeSettings, StudentSettings
from training.method.generalist import Generalist
from training.method.graphs import FittedStudent
from training.teachers.interface import Teacher


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
        return fit_closed_form(
            teacher, generalist, frames, settings, state_path, fabric=fabric, save_every=save_every
        )
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
