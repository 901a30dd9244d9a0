# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well normal frames suit a teacher and its memory: figures for the manifest.

They do not say how good a bundle is: a teacher that was trained for longer is surer of itself and
finds less. That is what `quality.py` is for, which also says what these figures are read for.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from tqdm import tqdm

from cosme_ros.postprocessing.static_mask import StaticMask
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

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


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
    seen = _Sums(banks, pooled, grid, fitted.static_mask)
    unseen = _Sums(banks, pooled, grid, held_out.static_mask)
    for features in _features(teacher, fitted, "suitability, fitted frames"):
        seen.add(features)
    for features in _features(teacher, held_out, "suitability, held-out frames"):
        unseen.add(features)
    similarity, seen_similarity = unseen.similarity(), seen.similarity()
    norm, seen_norm = unseen.norm(), seen.norm()
    return Suitability(
        unseen.confidence(),
        similarity,
        {layer: seen_similarity[layer] - similarity[layer] for layer in banks},
        {layer: norm[layer] / seen_norm[layer] if seen_norm[layer] else 0.0 for layer in banks},
        seen.dead(),
    )


class _Sums:
    """Of one part's frames, by layer."""

    def __init__(
        self,
        banks: dict[str, torch.Tensor],
        pooled: bool,
        grid: tuple[int, int] | None,
        static_mask: StaticMask | None,
    ) -> None:
        self._banks = banks
        self._pooled = pooled
        self._grid = grid
        self._static_mask = static_mask
        self._positions = dict.fromkeys(banks, 0)
        self._similarity = dict.fromkeys(banks, 0.0)
        self._norm = dict.fromkeys(banks, 0.0)
        self._used = {layer: torch.zeros(len(b), dtype=torch.bool) for layer, b in banks.items()}
        self._confidence = 0.0
        self._pixels = 0

    def add(self, features: dict[str, torch.Tensor]) -> None:
        confidence = features[OUTPUT].softmax(dim=1).amax(dim=1)
        if self._static_mask is not None:
            confidence = confidence[..., places_of(confidence, self._static_mask)]
        self._confidence += float(confidence.double().sum())
        self._pixels += confidence.numel()
        remembered = {layer: features[layer] for layer in self._banks}
        if self._pooled:
            remembered = memory.pooled(remembered, self._grid)
        for layer, bank in self._banks.items():
            vectors = visible_vectors(remembered[layer], self._static_mask)
            nearest = memory.cosine_similarity(vectors, bank).max(dim=1)
            self._positions[layer] += len(vectors)
            self._similarity[layer] += float(nearest.values.double().sum())
            self._norm[layer] += float(vectors.double().norm(dim=1).sum())
            self._used[layer][nearest.indices] = True

    def confidence(self) -> float:
        return self._confidence / self._pixels

    def similarity(self) -> dict[str, float]:
        return {layer: self._similarity[layer] / self._positions[layer] for layer in self._banks}

    def norm(self) -> dict[str, float]:
        return {layer: self._norm[layer] / self._positions[layer] for layer in self._banks}

    def dead(self) -> dict[str, float]:
        return {layer: 1.0 - float(used.float().mean()) for layer, used in self._used.items()}


def _features(teacher: Teacher, frames: FitFrames, title: str) -> Iterator[dict[str, torch.Tensor]]:
    device = next(teacher.parameters()).device
    preprocessing = Preprocessing(teacher.mean, teacher.standard_deviation, frames.resize_to).to(
        device
    )
    step = -(-len(frames) // MOST_FRAMES)
    for index in tqdm(range(0, len(frames), step), title, unit="frame"):
        features = teacher(preprocessing(torch.from_numpy(frames[index])[None].to(device)))
        yield {layer: values.cpu() for layer, values in features.items()}


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
