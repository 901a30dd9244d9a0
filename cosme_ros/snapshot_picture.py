# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One picture of one frame: what RViz shows of the detector, side by side."""

from __future__ import annotations

import cv2
import numpy as np

from cosme_ros.frame_outputs import FrameOutputs
from cosme_ros.lettering import text_height, text_width, unit_of, write
from cosme_ros.overlay import draw_outlines, score_colour

# A panel is at least so wide that its letters are clean, and at most that four fit on a screen.
_PANEL_WIDTHS = (640, 960)
_BACKGROUND = (30, 30, 30)
_MASK = (255, 255, 255)
_DIMMED = 0.35  # of the frame's brightness, where the mask is shown on it


def snapshot_picture(image: np.ndarray, made: FrameOutputs, *, caption: str) -> np.ndarray:
    """Camera and overlay, below them score and mask, and a line that says what it is.

    `image` is uint8 [H, W, 3] BGR, `made` what `make_outputs` made of it with everything wanted;
    mask and outlines may be withheld. Returns uint8 [h, w, 3] BGR, w 1288 to 1928.
    """
    assert made.score is not None
    assert made.overlay is not None
    withheld = "Obstacle mask: withheld, because no drivable area is seen"
    panels = [
        ("Camera", image),
        ("Overlay", made.overlay),
        ("Anomaly score", score_colour(made.score, scale=True)),
        (withheld if made.mask is None else "Obstacle mask", _mask_panel(image, made)),
    ]
    width = min(max(image.shape[1], _PANEL_WIDTHS[0]), _PANEL_WIDTHS[1])
    height = round(image.shape[0] * width / image.shape[1])
    titled = [_titled(_resized(picture, width, height), title) for title, picture in panels]
    gap = np.full((titled[0].shape[0], 8, 3), _BACKGROUND, np.uint8)
    rows = [np.hstack([left, gap, right]) for left, right in (titled[:2], titled[2:])]
    return np.vstack([*rows, _strip(caption, rows[0].shape[1], 0.8 * unit_of(height, width))])


def _mask_panel(image: np.ndarray, made: FrameOutputs) -> np.ndarray:
    picture = np.asarray(cv2.convertScaleAbs(image, alpha=_DIMMED))
    if made.mask is not None and made.outlines is not None:
        picture[made.mask > 0] = _MASK
        draw_outlines(picture, made.outlines, unit_of(*made.size))
    return picture


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    smaller = width < picture.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation))


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.vstack([_strip(title, width, unit_of(height, width)), picture])


def _strip(text: str, width: int, unit: float) -> np.ndarray:
    """A line of text; smaller where it would not fit."""
    margin = round(8 * unit)
    strip = np.full((text_height(unit) + 2 * margin, width, 3), _BACKGROUND, np.uint8)
    unit *= min(1.0, (width - 2 * margin) / max(1, text_width(text, unit)))
    write(strip, text, margin, strip.shape[0] - margin, unit)
    return strip
