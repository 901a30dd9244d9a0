# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled frames, changed together with their labels."""

from collections.abc import Callable

import numpy as np

from training.datasets.interface import NamedSource
from training.datasets.mapped_frames import MappedFrames


class MappedLabelledFrames:
    """The frames of a labelled source and their labels, each changed alike.

    Args:
        source: labelled frames.
        change: of an array [H, W, ...], which may get another size.
    """

    def __init__(self, source: NamedSource, change: Callable[[np.ndarray], np.ndarray]) -> None:
        self._source = source
        self._change = change

    @property
    def images(self) -> MappedFrames:
        """Return the same frames; their labels are not read."""
        return MappedFrames(self._source.images, self._change)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [H, W, 3] BGR, and its labels, uint8 [H, W]."""
        image, label = self._source[index]
        return self._change(image), self._change(label)
