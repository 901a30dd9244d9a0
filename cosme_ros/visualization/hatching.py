# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How every picture shows what was not looked at: dark, with light diagonal lines."""

import cv2
import numpy as np

HATCH_COLOUR = (110, 110, 110)
"""BGR, of the lines."""
_BRIGHTNESS = 0.25


def hatch_hidden(picture: np.ndarray, looked_at: np.ndarray, unit: float) -> None:
    """Darken and hatch what is not looked at, so that it is not taken for road.

    Args:
        picture: uint8 [H, W, 3] BGR; it is changed.
        looked_at: bool [H, W].
        unit: as `text.unit_of` the picture.
    """
    hidden = (~looked_at).view(np.uint8)
    x, y, width, height = cv2.boundingRect(hidden)
    if width == 0:
        return
    box = np.s_[y : y + height, x : x + width]
    dark = cv2.convertScaleAbs(picture[box], alpha=_BRIGHTNESS)
    thick = max(1, round(2 * unit))
    for offset in range(0, width + height, max(6, round(14 * unit))):
        cv2.line(dark, (offset, 0), (offset - height, height), HATCH_COLOUR, thick)
    cv2.copyTo(dark, hidden[box], picture[box])
