# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Trains AuxCon's student on normal frames (Algorithm 3), resumable."""

from pathlib import Path

import torch
from lightning_fabric import Fabric
from tqdm import tqdm

from training.compute import (
    batch_share,
    interrupted_somewhere,
    load_progress,
    mean_over_ranks,
    pool_batch_statistics,
    step_seed,
)
from training.datasets.normal_frames import FitFrames
from training.fitting.crops import CropBatches
from training.fitting.settings import SAVE_EVERY, StudentSettings
from training.interrupts import deferred_interrupt
from training.method.preprocessing import Preprocessing
from training.method.student import Student, imitation_loss
from training.run_logs import finish
from training.teachers.interface import Teacher

_SHOWN_OVER = 50


def train_student(
    teacher: Teacher,
    frames: FitFrames,
    settings: StudentSettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
) -> Student:
    """Minimise Eq. 5 over random crops of the frames.

    Args:
        teacher: on the device of `fabric`.
        frames: normal frames; what their static mask hides is not imitated.
        settings: what to compute; `batch` is that of all processes together.
        state_path: keeps the progress; a run that was cut off goes on from there.
        fabric: the processes that share the work.
        save_every: steps between two saves; does not change the result.

    Returns:
        The student, in evaluation mode and frozen, on the CPU; the same in all processes.

    Raises:
        UsageError: the processes cannot share the batch evenly; a crop is larger than a frame.
    """
    device = fabric.device
    share = batch_share(fabric, settings.batch)
    torch.manual_seed(settings.seed)
    student = _new_student(teacher, settings)
    # Channels last: several times as fast as the default layout for training on CPUs.
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    imitate, learner = fabric.setup(pool_batch_statistics(student, fabric), optimiser)
    loss_scale = fabric.strategy.precision
    first = 0
    state = load_progress(fabric, state_path, "student", "optimiser", "schedule", "step")
    if state is not None:
        student.load_state_dict(state["student"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        loss_scale.load_state_dict(state.get("loss_scale", {}))
        first = state["step"]
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation).to(device)
    student_input = Preprocessing(student.mean, student.standard_deviation).to(device)
    batches = CropBatches(frames, settings, share).batches(first, settings.workers)
    progress = tqdm(
        batches,
        "student",
        settings.steps,
        initial=first,
        unit="step",
        disable=not fabric.is_global_zero,
    )
    average_loss: float | None = None
    imitate.train()
    with deferred_interrupt() as interrupt:
        for step, (images, looked_at) in enumerate(progress, start=first + 1):
            # Dropout's chance too comes from the step's number, so that a resumed run repeats it.
            torch.manual_seed(step_seed(fabric, settings.seed * settings.steps + step))
            images = images.to(device)
            looked_at = None if looked_at is None else looked_at.to(device)
            with torch.no_grad(), fabric.autocast():
                wanted = teacher(_channels_last(teacher_input(images)))
            wanted = {layer: features.float() for layer, features in wanted.items()}
            views = imitate(_channels_last(student_input(images)))
            loss = imitation_loss(wanted, views, looked_at)
            optimiser.zero_grad()
            fabric.backward(loss)
            learner.step()
            schedule.step()
            value = float(mean_over_ranks(fabric, loss))
            average_loss = (
                value
                if average_loss is None
                else average_loss + (value - average_loss) / _SHOWN_OVER
            )
            figures = {"student/loss": value, "student/learning_rate": schedule.get_last_lr()[0]}
            fabric.log_dict(figures, step)
            progress.set_postfix(loss=f"{average_loss:.4g}")
            ended = interrupted_somewhere(fabric, interrupt)
            if step % save_every == 0 or step == settings.steps or ended:
                fabric.save(
                    state_path,
                    {
                        "student": student.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "loss_scale": loss_scale.state_dict(),
                        "step": step,
                    },
                )
            if ended:
                break
    finish(fabric)
    # A new one: the other's batch normalisation may be of a kind that only GPUs have.
    finished = _new_student(teacher, settings)
    finished.load_state_dict(student.state_dict())
    finished.requires_grad_(False).eval()
    return finished


def _new_student(teacher: Teacher, settings: StudentSettings) -> Student:
    return Student(
        settings.architecture,
        teacher.channels,
        teacher.strides,
        width=settings.width,
        layers=settings.layers,
    )


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)
