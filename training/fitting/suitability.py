# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well normal frames suit a teacher and its memory: figures for the manifest.

They do not say how good a bundle is: a teacher that was trained for longer is surer of itself and
finds less. That is what `quality.py` is for, which also says what these figures are read for.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from tqdm import tqdm

from training.datasets.normal_frames import FitFrames
from training.fitting.memory import places_of, visible_vectors
from training.layers import OUTPUT
from training.method import memory
from training.method.graphs import AnyStudent
from training.method.preprocessing import Preprocessing
from training.method.student import on_grid_of
from training.teachers.interface import Teacher

MOST_FRAMES = 60
"""Of either part, evenly spread."""


@dataclass(frozen=True)
class Suitability:
    """Of normal frames for a teacher.

    Attributes:
        confidence: mean over pixels of held-out frames of the largest softmax, 0..1.
        similarity: layer to mean similarity (Eq. 1) of held-out features to their nearest
            prototype, -1..1.
        similarity_gap: layer to what that lacks from the mean on fitted frames.
        norm_ratio: layer to the mean norm of features on held-out over that on fitted frames.
        dead_prototypes: layer to the share of prototypes nearest to no feature of the fitted
            frames that were looked at.
    """

    confidence: float
    similarity: dict[str, float]
    similarity_gap: dict[str, float]
    norm_ratio: dict[str, float]
    dead_prototypes: dict[str, float]


@torch.inference_mode()
def measure_suitability(
    teacher: Teacher,
    banks: dict[str, torch.Tensor],
    fitted: FitFrames,
    held_out: FitFrames,
    *,
    pooled: bool,
    grid: tuple[int, int] | None = None,
) -> Suitability:
    """Look at some frames of both parts.

    Args:
        teacher: in evaluation mode, on any device.
        banks: layer to float32 [K, C].
        fitted: frames that the banks were made from; what the static mask hides is left out.
        held_out: frames of the same camera that were not.
        pooled: whether the banks are of pooled layers.
        grid: that finer layers were pooled to; None: that of the coarsest.
    """
    seen = _measure(teacher, banks, fitted, "suitability, fitted frames", pooled, grid)
    unseen = _measure(teacher, banks, held_out, "suitability, held-out frames", pooled, grid)
    return Suitability(
        unseen.confidence,
        unseen.similarity,
        {layer: seen.similarity[layer] - unseen.similarity[layer] for layer in banks},
        {
            layer: unseen.norm[layer] / seen.norm[layer] if seen.norm[layer] else 0.0
            for layer in banks
        },
        seen.dead,
    )


class _Part(NamedTuple):
    """Figures of one part's frames, by layer; see `Suitability`."""

    confidence: float
    similarity: dict[str, float]
    norm: dict[str, float]
    dead: dict[str, float]


def _measure(
    teacher: Teacher,
    banks: dict[str, torch.Tensor],
    frames: FitFrames,
    title: str,
    pooled: bool,
    grid: tuple[int, int] | None,
) -> _Part:
    device = next(teacher.parameters()).device
    preprocessing = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to)
    preprocessing.to(device)
    positions = dict.fromkeys(banks, 0)
    similarity, norm = dict.fromkeys(banks, 0.0), dict.fromkeys(banks, 0.0)
    used = {layer: torch.zeros(len(bank), dtype=torch.bool) for layer, bank in banks.items()}
    confidence_sum, pixels = 0.0, 0
    step = -(-len(frames) // MOST_FRAMES)
    for index in tqdm(range(0, len(frames), step), title, unit="frame"):
        maps = teacher(preprocessing(torch.from_numpy(frames[index])[None].to(device)))
        features = {layer: values.cpu() for layer, values in maps.items()}
        confidence = features[OUTPUT].softmax(dim=1).amax(dim=1)
        if frames.static_mask is not None:
            confidence = confidence[..., places_of(confidence, frames.static_mask)]
        confidence_sum += float(confidence.double().sum())
        pixels += confidence.numel()
        remembered = {layer: features[layer] for layer in banks}
        if pooled:
            remembered = memory.pooled(remembered, grid)
        for layer, bank in banks.items():
            vectors = visible_vectors(remembered[layer], frames.static_mask)
            nearest = memory.cosine_similarity(vectors, bank).max(dim=1)
            positions[layer] += len(vectors)
            similarity[layer] += float(nearest.values.double().sum())
            norm[layer] += float(vectors.double().norm(dim=1).sum())
            used[layer][nearest.indices] = True
    return _Part(
        confidence_sum / pixels,
        {layer: similarity[layer] / positions[layer] for layer in banks},
        {layer: norm[layer] / positions[layer] for layer in banks},
        {layer: 1.0 - float(of_layer.float().mean()) for layer, of_layer in used.items()},
    )


def explained_variance(
    teacher: Teacher, student: AnyStudent, frames: FitFrames
) -> dict[str, float]:
    """Share of the variance of each of the teacher's layers that the student gets right.

    1 is perfect imitation; 0 is no better than each channel's mean over these frames. What the
    frames' static mask hides is left out. Works on the device of both networks.
    """
    device = next(teacher.parameters()).device
    teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to)
    teacher_input.to(device)
    student_input = Preprocessing(
        student.mean, student.standard_deviation, student.input_size or frames.resize_to
    )
    student_input.to(device)
    squared_error = dict.fromkeys(student.layers, 0.0)
    moments: dict[str, list[torch.Tensor]] = {}
    for index in tqdm(range(len(frames)), "imitation", unit="frame"):
        image = torch.from_numpy(frames[index])[None].to(device)
        with torch.inference_mode():
            wanted, views = teacher(teacher_input(image)), student(student_input(image))
        for layer, view in views.items():
            target = wanted[layer].double()
            error, count = target - on_grid_of(target, view), target[0, 0].numel()
            if frames.static_mask is not None:
                places = places_of(target, frames.static_mask)
                error, target, count = error * places, target * places, int(places.sum())
            squared_error[layer] += float(error.square().sum())
            addends = [
                target.new_tensor(count),
                target.sum(dim=(0, 2, 3)),
                target.square().sum(dim=(0, 2, 3)),
            ]
            sums = moments.setdefault(layer, [torch.zeros_like(a) for a in addends])
            moments[layer] = [s + a for s, a in zip(sums, addends, strict=True)]
    shares = {}
    for layer, (count, total, squares) in moments.items():
        variation = float((squares - total.square() / count).sum())
        shares[layer] = 1.0 - squared_error[layer] / variation if variation > 0 else 0.0
    return shares
