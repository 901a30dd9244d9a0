"""Fits AuxCon's closed-form student to normal frames, resumable."""

from pathlib import Path

import torch
from lightning_fabric import Fabric
from tqdm import tqdm

from training.backbones import load_backbone
from training.compute import load_progress, sum_over_ranks
from training.fit_frames import FitFrames
from training.fit_settings import SAVE_EVERY, RidgeSettings
from training.preprocessing import Preprocessing
from training.ridge_student import NormalEquations, RidgeStudent
from training.teachers import Teacher


@torch.inference_mode()
def fit_ridge_student(
    teacher: Teacher,
    frames: FitFrames,
    settings: RidgeSettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
) -> RidgeStudent:
    """Minimise Eq. 5 over all positions of all frames, each frame as it is and mirrored.

    Args:
        teacher: on the device of `fabric`.
        frames: normal frames.
        settings: what to compute.
        state_path: keeps the sums so far; a run that was cut off goes on from there.
        fabric: the processes that share the frames.
        save_every: frames between two saves; does not change the result.

    Returns:
        The student, in evaluation mode and frozen, on the CPU; the same in all processes.

    Raises:
        UsageError: no such backbone or weights.
    """
    device = fabric.device
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
    state = load_progress(fabric, state_path)
    if state is not None:
        first = state["frames"]
        if fabric.is_global_zero:
            for layer, sums in state["sums"].items():
                equations[layer].sums = sums
    progress = tqdm(
        range(first, len(frames)),
        "student",
        len(frames),
        initial=first,
        unit="frame",
        disable=not fabric.is_global_zero,
    )
    for index in progress:
        if index % fabric.world_size == fabric.global_rank:
            image = torch.from_numpy(frames[index])[None].to(device)
            images = torch.cat([image, image.flip(2)])
            views = student.inputs(student_input(images))
            wanted = teacher(teacher_input(images))
            for layer, own in equations.items():
                own.add(views[layer], wanted[layer])
        if (index + 1) % save_every == 0 or index + 1 == len(frames):
            sums_by_layer = {
                layer: sum_over_ranks(fabric, own.sums.to(device)).cpu()
                for layer, own in equations.items()
            }
            fabric.save(state_path, {"frames": index + 1, "sums": sums_by_layer})
    for layer, own in equations.items():
        own.sums = sum_over_ranks(fabric, own.sums.to(device)).cpu()
        student.set_map(layer, *own.solve(settings.penalty))
    return student.cpu().requires_grad_(False).eval()
