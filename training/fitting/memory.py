# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fits MulMem's banks to normal frames, resumable."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from tqdm import tqdm

from cosme_ros.postprocessing.static_mask import StaticMask
from training.compute import interrupted_somewhere, load_progress, sum_over_ranks
from training.datasets.normal_frames import FitFrames
from training.fitting.settings import SAVE_EVERY, MemorySettings
from training.interrupts import deferred_interrupt
from training.method import memory
from training.method.generalist import Generalist, split_layers
from training.method.preprocessing import Preprocessing
from training.teachers.interface import Teacher

INITIAL_FRAMES = 32
"""The batch of Algorithm 1."""

INITIAL_POSITIONS = 4096
"""Features taken of each of those frames and layers; a random feature of a random image stays
just that, and a wide layer at stride 4 fits into memory."""


def fit_memory(
    teacher: Teacher,
    frames: FitFrames,
    settings: MemorySettings,
    state_path: Path,
    *,
    fabric: Fabric,
    save_every: int = SAVE_EVERY,
    generalist: Generalist | None = None,
) -> dict[str, torch.Tensor]:
    """Run Algorithm 1, then Algorithm 2 over all frames.

    Algorithm 1 runs in the first process alone. Of each batch of Algorithm 2 every process takes
    its share of the frames, an empty one if there are too few, and Eq. 2 gets the sums of all.

    Args:
        teacher: on the device of `fabric`.
        frames: normal frames; what their static mask hides is left out.
        settings: what to compute.
        state_path: keeps the progress; a run that was cut off goes on from there.
        fabric: the processes that share the work.
        save_every: batches between two saves; does not change the result.
        generalist: on the device of `fabric`; None where no layer of it is remembered.

    Returns:
        layer to bank, float32 [K, C] with rows of norm 1, on the CPU; the same in all processes.
    """
    device = fabric.device
    remember = _Remembered(teacher, generalist, settings, fabric, frames)

    def features(indices: np.ndarray) -> dict[str, torch.Tensor]:
        images = torch.from_numpy(np.stack([frames[int(index)] for index in indices]))
        return {
            layer: visible_vectors(x, frames.static_mask)
            for layer, x in remember(images.to(device)).items()
        }

    order = np.concatenate(
        [
            np.random.default_rng([settings.seed, epoch]).permutation(len(frames))
            for epoch in range(settings.epochs)
        ]
    )
    batches = np.split(order, range(settings.batch, len(order), settings.batch))
    state = load_progress(fabric, state_path, "step", "banks")
    if state is None:
        first = 0
        own = _initial_banks(features, frames, settings) if fabric.is_global_zero else {}
        banks = fabric.broadcast(own)
        fabric.save(state_path, {"step": 0, "banks": banks})
    else:
        first, banks = state["step"], state["banks"]
    banks = {layer: bank.to(device) for layer, bank in banks.items()}
    progress = tqdm(
        range(first, len(batches)),
        "memory",
        len(batches),
        initial=first,
        unit="batch",
        disable=not fabric.is_global_zero,
    )
    over_ranks = partial(sum_over_ranks, fabric)
    with deferred_interrupt() as interrupt:
        for step in progress:
            share = batches[step][fabric.global_rank :: fabric.world_size]
            vectors = features(share) if len(share) else {}
            banks = {
                layer: memory.update(
                    bank, vectors.get(layer, bank[:0]), settings.momentum, over_ranks
                )
                for layer, bank in banks.items()
            }
            ended = interrupted_somewhere(fabric, interrupt)
            if (step + 1) % save_every == 0 or step + 1 == len(batches) or ended:
                on_cpu = {layer: bank.cpu() for layer, bank in banks.items()}
                fabric.save(state_path, {"step": step + 1, "banks": on_cpu})
            if ended:
                break
    return {
        layer: torch.nn.functional.normalize(bank, dim=1).cpu() for layer, bank in banks.items()
    }


class _Remembered:
    """The layers that have a bank, of both networks, on the grids that they are remembered on."""

    def __init__(
        self,
        teacher: Teacher,
        generalist: Generalist | None,
        settings: MemorySettings,
        fabric: Fabric,
        frames: FitFrames,
    ) -> None:
        size = frames.resize_to
        self._teacher = teacher
        self._teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation, size).to(
            fabric.device
        )
        self._generalist = generalist
        self._places: dict[str, slice] = {}
        if generalist is not None:
            places = generalist.slices()
            self._places = {layer: places[layer] for layer in settings.layers if layer in places}
            self._generalist_input = Preprocessing(
                generalist.mean, generalist.standard_deviation, generalist.size or size
            ).to(fabric.device)
        self._teacher_layers = [layer for layer in settings.layers if layer not in self._places]
        self._layers = settings.layers
        self._pooled = settings.pooled
        self._grid = settings.grid(frames.size)
        self._fabric = fabric

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return layer -> float32 [N, C, h, w] of images uint8 [N, H, W, 3] BGR."""
        remembered: dict[str, torch.Tensor] = {}
        with torch.inference_mode(), self._fabric.autocast():
            if self._teacher_layers:
                maps = self._teacher(self._teacher_input(images))
                remembered = {layer: maps[layer].float() for layer in self._teacher_layers}
                if self._pooled:
                    remembered = memory.pooled(remembered, self._grid)
            if self._places and self._generalist is not None:
                remembered |= self._of_generalist(self._generalist, images)
        return {layer: remembered[layer] for layer in self._layers}

    def _of_generalist(
        self, generalist: Generalist, images: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        pixels = self._generalist_input(images)
        if self._grid is None:
            return split_layers(generalist(pixels).float(), self._places)
        by_layer = generalist.by_layer(pixels)
        return memory.pooled({x: by_layer[x].float() for x in self._places}, self._grid)


def visible_vectors(feature_map: torch.Tensor, static_mask: StaticMask | None) -> torch.Tensor:
    """Return the vectors [n, C] of feature maps [N, C, h, w] at places that are looked at."""
    vectors = memory.as_vectors(feature_map)
    if static_mask is None:
        return vectors
    places = places_of(feature_map, static_mask)
    return vectors[places.flatten().repeat(len(feature_map))]


def places_of(feature_map: torch.Tensor, static_mask: StaticMask) -> torch.Tensor:
    """Return the places of maps [..., h, w] that are looked at, bool [h, w] on their device."""
    height, width = feature_map.shape[-2:]
    return torch.tensor(static_mask.places(height, width), device=feature_map.device)


def _initial_banks(
    features: Callable[[np.ndarray], dict[str, torch.Tensor]],
    frames: FitFrames,
    settings: MemorySettings,
) -> dict[str, torch.Tensor]:
    random = np.random.default_rng([settings.seed, len(frames)])
    generator = torch.Generator().manual_seed(settings.seed)
    chosen = random.permutation(len(frames))[:INITIAL_FRAMES]
    samples: dict[str, list[torch.Tensor]] = {layer: [] for layer in settings.layers}
    for index in tqdm(chosen, "first prototypes", unit="frame"):
        for layer, vectors in features(np.array([index])).items():
            rows = torch.randperm(len(vectors), generator=generator)[:INITIAL_POSITIONS]
            samples[layer].append(vectors[rows].cpu().clone())
    banks = {}
    for layer, parts in samples.items():
        result = memory.initialise(
            torch.cat(parts),
            size=settings.prototypes,
            similarity_threshold=settings.threshold_of(layer),
            generator=generator,
        )
        banks[layer] = result.prototypes
        tqdm.write(f"{layer}: {len(result.prototypes)} prototypes")
        if not result.filled:
            tqdm.write(
                f"  of {settings.prototypes} wanted: {memory.MAXIMUM_MISSES} candidates in a row "
                f"were more than {settings.threshold_of(layer)} similar to one of them; "
                f"--similarity-threshold {layer}=... sets a higher one"
            )
    return banks
