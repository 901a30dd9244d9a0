# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Normal frames in the size of the network input, split into fitting and calibration."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from training.compute import load_batches
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.fitting.settings import StudentSettings


class Crops(NamedTuple):
    """One batch.

    Attributes:
        images: uint8 [batch, height, width, 3] BGR.
        looked_at: bool [batch, height, width], what the frames' static mask shows of each; None
            where the frames have no static mask.
    """

    images: torch.Tensor
    looked_at: torch.Tensor | None


class CropBatches(Dataset[Crops]):
    """Batch number `step`: random crops and flips.

    Step and seed alone decide what a batch holds, so that a resumed run sees what an uninterrupted
    one would have.

    Args:
        frames: what to cut out of.
        settings: number of batches, number and size of their crops, and the seed.
        share: places of the batch that are wanted, where processes share it; None is all.

    Raises:
        UsageError: a crop is larger than a frame.
    """

    def __init__(
        self,
        frames: FitFrames,
        settings: StudentSettings,
        share: range | None = None,
    ) -> None:
        self._frames = frames
        self._settings = settings
        self._share = range(settings.batch) if share is None else share
        self._crop = (settings.crop_height, settings.crop_width)
        if self._crop[0] > frames.size[0] or self._crop[1] > frames.size[1]:
            raise UsageError(
                f"a crop of {self._crop[0]}x{self._crop[1]} does not fit into the network "
                f"input of {frames.size[0]}x{frames.size[1]}"
            )

    def __len__(self) -> int:
        return self._settings.steps

    def __getitem__(self, step: int) -> Crops:
        settings = self._settings
        random = np.random.default_rng([settings.seed, step])
        crops, visible = [], []
        height, width = self._frames.size
        tall, wide = self._crop
        mask = self._frames.static_mask
        looked_at = None if mask is None else mask.at(height, width)
        for place, index in enumerate(random.integers(len(self._frames), size=settings.batch)):
            top = random.integers(height - tall + 1)
            left = random.integers(width - wide + 1)
            mirrored = random.random() < 0.5
            # Chance is asked for every place, so that a share is what the whole would have there.
            if place in self._share:
                part = np.s_[top : top + tall, left : left + wide]
                order = slice(None, None, -1) if mirrored else slice(None)
                crops.append(self._frames[int(index)][part][:, order])
                if looked_at is not None:
                    visible.append(looked_at[part][:, order])
        return Crops(
            torch.from_numpy(np.stack(crops)),
            None if looked_at is None else torch.from_numpy(np.stack(visible)),
        )

    def batches(self, first_step: int, workers: int) -> Iterator[Crops]:
        """Batches from `first_step` on, prepared by `workers` processes."""
        steps = range(first_step, len(self))
        return load_batches(self, steps, batch_size=None, workers=workers)
