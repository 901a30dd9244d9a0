"""The two ways to a student: trained from scratch, or in closed form on a frozen backbone."""

from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from training.fit_frames import FitFrames
from training.fit_settings import SAVE_EVERY, RidgeSettings, StudentSettings
from training.ridge_fitting import fit_ridge_student
from training.ridge_student import RidgeStudent
from training.student import Student
from training.student_training import train_student
from training.teachers import Teacher

AnyStudent = Student | RidgeStudent


def make_student(
    teacher: Teacher,
    frames: FitFrames,
    settings: StudentSettings | RidgeSettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
) -> AnyStudent:
    """Fit the student that the settings are for; see train_student and fit_ridge_student."""
    if isinstance(settings, RidgeSettings):
        return fit_ridge_student(
            teacher, frames, settings, state_path, fabric=fabric, save_every=save_every
        )
    return train_student(
        teacher, frames, settings, state_path, fabric=fabric, save_every=save_every
    )


def described(settings: StudentSettings | RidgeSettings) -> dict[str, Any]:
    """What the manifest says of a student, besides its layers and how well it imitates."""
    if isinstance(settings, RidgeSettings):
        return {"fitted": "ridge", "architecture": settings.backbone, "penalty": settings.penalty}
    return {
        "fitted": "scratch",
        "architecture": settings.architecture,
        "width": settings.width,
        "steps": settings.steps,
    }
