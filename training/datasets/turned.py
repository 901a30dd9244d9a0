# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a camera that is not mounted upright, turned upright."""

import numpy as np

from cosme_ros.messages.image_orientation import ImageOrientation
from training.datasets.interface import FrameSource


class TurnedFrames:
    """The frames of a source, each turned upright."""

    def __init__(self, source: FrameSource, orientation: ImageOrientation) -> None:
        self._source = source
        self._orientation = orientation

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return frame `index`, uint8 [H, W, 3], BGR."""
        return self._orientation.upright(self._source[index])
