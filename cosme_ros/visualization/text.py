# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Letters on pictures, large enough to be read at arm's length.

A capital is 1/30 of the height of a 16:9 picture. On a display 25 cm wide, 70 cm away, that is 23
minutes of arc; ISO 15008 recommends 20 for displays in vehicles.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

_FONT = cv2.FONT_HERSHEY_DUPLEX
_CAPITAL = 22  # pixels, the font's own at a scale of 1
_WHITE = (255, 255, 255)
_PLATE = 0.35  # of the brightness below a plate is left


class Box(NamedTuple):
    """Pixels of a picture."""

    left: int
    top: int
    width: int
    height: int

    def overlaps(self, other: Box) -> bool:
        """Return whether the two have a pixel in common."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


def unit_of(height: int, width: int) -> float:
    """Return the pixels of the picture for one pixel of a 640 x 360 picture, 0.6 at least.

    Everything that is drawn grows with it. Smaller letters cannot be read.
    """
    return max(0.6, min(height / 360, width / 640))


def text_height(unit: float) -> int:
    """Return the height of a capital or digit, in pixels."""
    return round(12 * unit)


def text_width(text: str, unit: float) -> int:
    """Return the width of `text` as `write` would write it, in pixels."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _scale(unit), _thickness(unit))
    return int(width)


def write(
    picture: np.ndarray,
    text: str,
    x: int,
    baseline: int,
    unit: float,
    *,
    colour: tuple[int, int, int] | None = None,
) -> None:
    """Write `text` into uint8 [H, W, 3] BGR, from x on, on `baseline`; white by default."""
    cv2.putText(
        picture,
        text,
        (x, baseline),
        _FONT,
        _scale(unit),
        _WHITE if colour is None else colour,
        _thickness(unit),
        cv2.LINE_AA,
    )


def draw_backdrop(picture: np.ndarray, box: Box) -> None:
    """Darken a rectangle, so that white letters on it are readable before a bright sky."""
    part = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    part[...] = cv2.convertScaleAbs(part, alpha=_PLATE)


def _scale(unit: float) -> float:
    return 12 * unit / _CAPITAL


def _thickness(unit: float) -> int:
    return max(1, round(1.2 * unit))


def counted(number: int, thing: str) -> str:
    """Return `1 frame`, `2 frames`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
