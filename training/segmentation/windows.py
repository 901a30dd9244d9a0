# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Training windows in an order that chance decides once and for all."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from training.compute import load_batches
from training.datasets.interface import LabelledSource
from training.segmentation.augmentation import random_view

Batch = tuple[torch.Tensor, torch.Tensor]


class RandomViews(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Training windows by position: window `position` depends on (seed, position) alone.

    So the order does not depend on workers, and a resumed run sees what an unbroken one sees.

    Args:
        source: labelled frames.
        size: (height, width) of the windows, pixels.
        seed: of order and views.
        zoom: largest factor, at least 1, by which a view is enlarged or made smaller.
    """

    def __init__(
        self, source: LabelledSource, size: tuple[int, int], seed: int, *, zoom: float
    ) -> None:
        self._source = source
        self._size = size
        self._seed = seed
        self._zoom = zoom
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image uint8 [H, W, 3] BGR and class ids int64 [H, W], 255 = ignore."""
        epoch, place = divmod(position, len(self._source))
        if epoch != self._epoch:
            self._order = np.random.default_rng((self._seed, epoch)).permutation(len(self._source))
            self._epoch = epoch
        image, label = self._source[int(self._order[place])]
        rng = np.random.default_rng((self._seed, epoch, place))
        view, view_label = random_view(image, label, self._size, rng, zoom=self._zoom)
        return torch.from_numpy(view), torch.from_numpy(view_label.astype(np.int64))

    def batches(self, positions: Sequence[int], size: int, workers: int) -> Iterator[Batch]:
        """Yield windows of `positions`, `size` at a time, prepared by `workers` processes."""
        return load_batches(self, positions, batch_size=size, workers=workers)
