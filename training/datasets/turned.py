# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a camera that is not mounted upright, turned upright."""

import numpy as np

from cosme_ros.messages.image_orientation import ImageOrientation
from training.datasets.interface import FrameSource, NamedSource


class TurnedFrames:
    """The frames of a source, each turned upright."""

    def __init__(self, source: FrameSource, orientation: ImageOrientation) -> None:
        self._source = source
        self._orientation = orientation
        self.worth_keeping: bool = getattr(source, "worth_keeping", False)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return frame `index`, uint8 [H, W, 3], BGR."""
        return self._orientation.upright(self._source[index])


class TurnedLabelledFrames:
    """The frames of a labelled source and their labels, each turned upright."""

    def __init__(self, source: NamedSource, orientation: ImageOrientation) -> None:
        self._source = source
        self._orientation = orientation

    @property
    def images(self) -> FrameSource:
        """Return the same frames; their labels are not read."""
        return TurnedFrames(self._source.images, self._orientation)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [H, W, 3] BGR, and its labels, uint8 [H, W]."""
        image, label = self._source[index]
        return self._orientation.upright(image), self._orientation.upright(label)
