# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fits the two closed forms of the consensus to normal frames, resumable."""

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from tqdm import tqdm

from training.compute import interrupted_somewhere, load_progress, sum_over_ranks
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.fitting.settings import SAVE_EVERY, RidgeSettings
from training.interrupts import deferred_interrupt
from training.layers import NOTHING
from training.method.consensus import SecondMoments
from training.method.generalist import Generalist, on_grid
from training.method.graphs import FittedStudent
from training.method.preprocessing import Preprocessing
from training.method.ridge_student import RidgeStudent
from training.teachers.any_module import FeatureModule, parse_layers, parse_normalization
from training.teachers.backbones import load_backbone
from training.teachers.interface import Teacher
from training.teachers.module_loading import load_module


def load_generalist_encoder(settings: RidgeSettings, size: tuple[int, int]) -> nn.Module:
    """Return the frozen network whose layers the generalist is made of.

    Args:
        settings: name of a backbone, or a module and its layers.
        size: (height, width) in pixels of its input; a module is tried on it.

    Raises:
        UsageError: no such backbone, weights, module or layers.
    """
    if ":" not in settings.backbone:
        return load_backbone(settings.backbone, settings.weights)
    if settings.module_layers is None:
        raise UsageError(
            f"--student-backbone {settings.backbone} is a module: say which of its layers are "
            "read, for example --student-layers c4=blocks.7,c5=blocks.11"
        )
    return FeatureModule(
        load_module(settings.backbone, settings.weights),
        parse_layers(settings.module_layers, "--student-layers"),
        normalization=parse_normalization(settings.normalization),
        sizes=(size,),
    ).eval()


# Not inference_mode: parameters that are made in it cannot go to a GPU and be used there.
@torch.no_grad()
def build_generalist(teacher: Teacher, frames: FitFrames, settings: RidgeSettings) -> Generalist:
    """Return the frozen generalist on a grid for the consensus.

    It is the finest of the teacher's layers that are compared and of the generalist's own deepest
    layer: where its input is larger than the teacher's, its features keep what they say of small
    things, and those of the teacher are interpolated.

    Args:
        teacher: on the CPU.
        frames: of the teacher's input size.
        settings: which generalist.

    Raises:
        UsageError: no such backbone, weights or layers.
    """
    frame = torch.from_numpy(frames[0])[None]
    preprocessing = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to)
    features = teacher(preprocessing(frame))
    size = settings.size or frames.size
    encoder = load_generalist_encoder(settings, size)
    known: dict[str, int] = encoder.channels  # type: ignore[assignment]
    unknown = set(settings.backbone_layers or ()) - set(known)
    if unknown:
        raise UsageError(
            f"the generalist {settings.backbone} has no layer {', '.join(sorted(unknown))}; "
            f"it has {', '.join(known)}"
        )
    own = encoder(torch.zeros(1, 3, *size))
    deepest = own[(settings.backbone_layers or tuple(known))[-1]]
    compared = (*(features[layer] for layer in settings.compared_layers), deepest)
    height, width = max(tuple(x.shape[2:]) for x in compared)
    return Generalist(encoder, (height, width), settings.size, settings.backbone_layers)


@torch.inference_mode()
def fit_closed_form(
    teacher: Teacher,
    generalist: Generalist,
    frames: FitFrames,
    settings: RidgeSettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
) -> FittedStudent:
    """Minimise Eq. 5 and its counterpart over all frames and their mirror images.

    Args:
        teacher: on the device of `fabric`.
        generalist: that `build_generalist` made for both.
        frames: normal frames; what their static mask hides is left out.
        settings: what to compute.
        state_path: keeps the sums so far; a run that was cut off goes on from there.
        fabric: the processes that share the frames.
        save_every: frames between two saves; does not change the result.

    Returns:
        Student, in evaluation mode, frozen, on the CPU, and backward maps; the same in all
        processes.
    """
    device = fabric.device
    generalist.to(device)
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to).to(
        device
    )
    own_input = Preprocessing(generalist.mean, generalist.standard_deviation, settings.size).to(
        device
    )
    moments = SecondMoments(
        generalist.channels, {layer: teacher.channels[layer] for layer in settings.compared_layers}
    )
    places: torch.Tensor | None = None
    if frames.static_mask is not None:
        looked_at = torch.tensor(frames.static_mask.places(*generalist.grid), device=device)
        places = torch.stack([looked_at, looked_at.flip(1)])  # of a frame and its mirror image
    first = 0
    state = load_progress(fabric, state_path, "frames", "sums")
    if state is not None:
        first = state["frames"]
        if fabric.is_global_zero:
            moments.sums = state["sums"]
    progress = tqdm(
        range(first, len(frames)),
        "consensus",
        len(frames),
        initial=first,
        unit="frame",
        disable=not fabric.is_global_zero,
    )
    with deferred_interrupt() as interrupt:
        for index in progress:
            if index % fabric.world_size == fabric.global_rank:
                image = torch.from_numpy(frames[index])[None].to(device)
                images = torch.cat([image, image.flip(2)])
                wanted = teacher(teacher_input(images)) if settings.compared_layers else {}
                moments.add(
                    generalist(own_input(images)),
                    {
                        layer: on_grid(wanted[layer], generalist.grid)
                        for layer in settings.compared_layers
                    },
                    places,
                )
            ended = interrupted_somewhere(fabric, interrupt)
            if (index + 1) % save_every == 0 or index + 1 == len(frames) or ended:
                sums = sum_over_ranks(fabric, moments.sums.to(device)).cpu()
                fabric.save(state_path, {"frames": index + 1, "sums": sums})
            if ended:
                break
    moments.sums = sum_over_ranks(fabric, moments.sums.to(device)).cpu()
    student = RidgeStudent(
        generalist.cpu(), {layer: teacher.channels[layer] for layer in settings.layers}
    )
    for layer in settings.layers:
        student.set_map(layer, *moments.forward_map(layer, settings.penalty))
    backward = {
        layer: moments.backward_map(None if layer == NOTHING else layer, settings.backward_penalty)
        for layer in settings.backward_layers
    }
    return FittedStudent(student.requires_grad_(False).eval(), backward)
