"""Trains AuxCon's student on normal frames (Algorithm 3), resumable."""

from pathlib import Path

import torch
from tqdm import tqdm

from training.checkpoint import save_atomically
from training.fit_frames import CropBatches, CropSettings, FitFrames
from training.fit_settings import StudentSettings
from training.preprocessing import Preprocessing
from training.student import Student, imitation_loss
from training.teachers import Teacher

_SAVE_EVERY = 100
_SHOWN_OVER = 50


def train_student(
    teacher: Teacher, frames: FitFrames, settings: StudentSettings, state_path: Path
) -> Student:
    """Minimise Eq. 5 over random crops of the frames.

    Works on the teacher's device. Progress is kept in `state_path`; a run that was cut off goes
    on from there.

    Returns:
        The student, in evaluation mode and frozen, on the CPU.
    """
    device = next(teacher.parameters()).device
    torch.manual_seed(settings.seed)
    student = Student(
        settings.architecture,
        teacher.channels,
        teacher.strides,
        width=settings.width,
        layers=settings.layers,
    )
    # Channels last: several times as fast as the default layout for training on CPUs.
    student.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    first = 0
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)
        student.load_state_dict(state["student"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = state["step"]
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation).to(device)
    student_input = Preprocessing(student.mean, student.standard_deviation).to(device)
    crops = CropSettings(settings.batch, settings.crop_height, settings.crop_width, settings.seed)
    batches = CropBatches(frames, settings.steps, crops).batches(first, settings.workers)
    progress = tqdm(batches, "student", settings.steps, initial=first, unit="step")
    average_loss: float | None = None
    student.train()
    for step, images in enumerate(progress, start=first + 1):
        # Dropout's chance too comes from the step's number, so that a resumed run repeats it.
        torch.manual_seed(settings.seed * settings.steps + step)
        images = images.to(device)
        with torch.no_grad():
            wanted = teacher(_channels_last(teacher_input(images)))
        loss = imitation_loss(wanted, student(_channels_last(student_input(images))))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        value = float(loss.detach())
        average_loss = (
            value if average_loss is None else average_loss + (value - average_loss) / _SHOWN_OVER
        )
        progress.set_postfix(loss=f"{average_loss:.4g}")
        if step % _SAVE_EVERY == 0 or step == settings.steps:
            save_atomically(
                state_path,
                {
                    "student": student.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step,
                },
            )
    student.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    student.requires_grad_(False).eval()
    return student


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)
