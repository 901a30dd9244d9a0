"""Fits AuxCon's closed-form student to normal frames, resumable."""

from pathlib import Path

import torch
from tqdm import tqdm

from training.backbones import load_backbone
from training.checkpoint import save_atomically
from training.fit_frames import FitFrames
from training.fit_settings import RidgeSettings
from training.preprocessing import Preprocessing
from training.ridge_student import NormalEquations, RidgeStudent
from training.teachers import Teacher

_SAVE_EVERY = 50


@torch.inference_mode()
def fit_ridge_student(
    teacher: Teacher, frames: FitFrames, settings: RidgeSettings, state_path: Path
) -> RidgeStudent:
    """Minimise Eq. 5 over all positions of all frames, each frame as it is and mirrored.

    Works on the teacher's device. The sums so far are kept in `state_path`; a run that was cut
    off goes on from there.

    Returns:
        The student, in evaluation mode and frozen, on the CPU.

    Raises:
        UsageError: no such backbone or weights.
    """
    device = next(teacher.parameters()).device
    encoder = load_backbone(settings.backbone, settings.weights)
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation).to(device)
    wanted = teacher(teacher_input(torch.from_numpy(frames[0])[None].to(device)))
    sizes = {layer: tuple(wanted[layer].shape[2:]) for layer in settings.layers}
    student = RidgeStudent(encoder, teacher.channels, sizes).to(device)
    student_input = Preprocessing(student.mean, student.standard_deviation).to(device)
    inputs = sum(encoder.channels.values())
    equations = {
        layer: NormalEquations(inputs, teacher.channels[layer]) for layer in settings.layers
    }
    first = 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        first = state["frames"]
        for layer, sums in state["sums"].items():
            equations[layer].sums = sums
    for index in tqdm(range(first, len(frames)), "student", len(frames), initial=first):
        image = torch.from_numpy(frames[index])[None].to(device)
        images = torch.cat([image, image.flip(2)])
        views = student.inputs(student_input(images))
        wanted = teacher(teacher_input(images))
        for layer, sums in equations.items():
            sums.add(views[layer], wanted[layer])
        if (index + 1) % _SAVE_EVERY == 0 or index + 1 == len(frames):
            sums_by_layer = {layer: e.sums for layer, e in equations.items()}
            save_atomically(state_path, {"frames": index + 1, "sums": sums_by_layer})
    for layer, e in equations.items():
        student.set_map(layer, *e.solve(settings.penalty))
    return student.cpu().requires_grad_(False).eval()
