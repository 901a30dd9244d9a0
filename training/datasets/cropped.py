# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled frames cut to another ratio of sides."""

from functools import partial

import numpy as np

from training.datasets.interface import NamedSource, crop_to_aspect
from training.datasets.mapped_frames import MappedFrames


class Cropped:
    """The middle of every frame of a source, as large as has the wanted ratio of sides.

    Args:
        source: labelled frames.
        height, width: of the wanted ratio, at least 1.
    """

    def __init__(self, source: NamedSource, height: int, width: int) -> None:
        self._source = source
        self._crop = partial(crop_to_aspect, height=height, width=width)

    @property
    def images(self) -> MappedFrames:
        """Return the same frames; their labels are not read."""
        return MappedFrames(self._source.images, self._crop)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [h, w, 3] BGR, and its labels, uint8 [h, w]."""
        image, label = self._source[index]
        return self._crop(image), self._crop(label)
