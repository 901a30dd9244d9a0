# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a video, as PyAV decodes them, to images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TURNS = {0: 0, 90: 1, 180: 2, -180: 2, 270: 3, -90: 3}
"""Degrees that a file asks for, to quarter turns against the clock."""


def image_of_video_frame(frame: Any) -> NDArray[np.uint8]:
    """Return the pixels of an av.VideoFrame, turned as the file says they are to be shown.

    Returns:
        uint8 [H, W, 3] BGR, C-contiguous.
    """
    turns = _TURNS.get(int(frame.rotation), 0)
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), turns))
