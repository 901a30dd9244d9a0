# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled frames cut to another ratio of sides."""

import numpy as np

from training.datasets.interface import FrameSource, NamedSource, crop_to_aspect


class Cropped:
    """The middle of every frame of a source, as large as has the wanted ratio of sides.

    Args:
        source: labelled frames.
        height, width: of the wanted ratio, at least 1.
    """

    def __init__(self, source: NamedSource, height: int, width: int) -> None:
        self._source = source
        self._ratio = (height, width)

    @property
    def images(self) -> FrameSource:
        """Return the same frames; their labels are not read."""
        return _Images(self._source.images, self._ratio)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [h, w, 3] BGR, and its labels, uint8 [h, w]."""
        image, label = self._source[index]
        return crop_to_aspect(image, *self._ratio), crop_to_aspect(label, *self._ratio)


class _Images:
    def __init__(self, images: FrameSource, ratio: tuple[int, int]) -> None:
        self._images = images
        self._ratio = ratio

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> np.ndarray:
        return crop_to_aspect(self._images[index], *self._ratio)
