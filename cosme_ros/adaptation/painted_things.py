# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Unknown things painted onto the road of a normal frame, for the self-test on the vehicle.

Each is a piece of another frame, in a smooth random outline and other colours, as large as a thing
of half a metre to two metres at that place of a flat road. `fit` paints in the same manner, with
more kinds of things, when it grades a bundle.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_CAMERA_HEIGHT_M = 1.4
_WIDTH_M = (0.5, 2.0)
_FEWEST_PIXELS = 8  # of the width or height of a thing
_WAVES = 4
_SOFT_EDGE = 0.7  # pixels, standard deviation


def paint_things(
    image: NDArray[np.uint8],
    ground: NDArray[np.bool_],
    donor: NDArray[np.uint8],
    count: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a frame with things on its road, and where they are.

    Args:
        image: uint8 [H, W, 3] BGR.
        ground: bool [H, W], where things may stand; at least one pixel.
        donor: uint8 [h, w, 3] BGR, a frame that the pieces are from.
        count: of things; a later one may cover an earlier one.
        random: the only source of chance.

    Returns:
        The picture, uint8 [H, W, 3], and for each pixel 0, or the number of its thing from 1 on,
        uint8 [H, W].
    """
    picture = image.astype(np.float32)
    thing = np.zeros(image.shape[:2], np.uint8)
    rows, columns = np.nonzero(ground)
    horizon = int(rows.min())
    # Far things are small, and hide nothing of the near ones.
    feet = sorted(
        (int(rows[i]), int(columns[i])) for i in random.integers(len(rows), size=count).tolist()
    )
    for number, (row, column) in enumerate(feet, start=1):
        pixels_per_metre = (row - horizon) / _CAMERA_HEIGHT_M
        width = max(_FEWEST_PIXELS, round(random.uniform(*_WIDTH_M) * pixels_per_metre))
        height = max(_FEWEST_PIXELS, round(width * random.uniform(0.6, 1.5)))
        coverage = _outline(height, width, random)
        colours = _piece(donor, height, width, random)
        _blend(picture, thing, coverage, colours, (row, column), number)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8), thing


def _outline(height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a smooth closed shape that fills its box, float32 [height, width], 0..1."""
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(2, 2 + _WAVES):
        phase = random.uniform(0, 2 * np.pi)
        radius += random.normal(0, 0.2 / wave) * np.cos(wave * angle + phase)
    points = np.maximum(radius, 0.3)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points -= points.min(axis=0)
    points *= (np.array([width, height]) - 1) / points.max(axis=0)
    shape = np.zeros((height, width), np.uint8)
    cv2.fillPoly(shape, [np.rint(points).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(shape, (0, 0), _SOFT_EDGE)
    return np.asarray(soft, np.float32) / np.float32(255)


def _piece(
    donor: NDArray[np.uint8], height: int, width: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return a window of the donor in other colours, float32 [height, width, 3], 0..255."""
    tall = max(4, round(len(donor) * random.uniform(0.1, 0.3)))
    wide = min(donor.shape[1], max(4, round(tall * width / height)))
    top = int(random.integers(len(donor) - tall + 1))
    left = int(random.integers(donor.shape[1] - wide + 1))
    window = cv2.resize(donor[top : top + tall, left : left + wide], (width, height))
    hsv = cv2.cvtColor(window, cv2.COLOR_BGR2HSV).astype(np.int32)
    hsv[..., 0] = (hsv[..., 0] + int(random.integers(180))) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] + int(random.integers(30, 140)), 0, 255)
    colours = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.float32)
    contrast, brightness = random.uniform(0.8, 1.6), random.uniform(50, 200)
    return np.asarray((colours - colours.mean()) * contrast + brightness, np.float32)


def _blend(
    picture: NDArray[np.float32],
    thing: NDArray[np.uint8],
    coverage: NDArray[np.float32],
    colours: NDArray[np.float32],
    foot: tuple[int, int],
    number: int,
) -> None:
    """Blend a thing into a picture; `foot` is the row and column of the middle of its lower edge.

    `picture` and `thing` are changed.
    """
    height, width = coverage.shape
    top, left = foot[0] - height + 1, foot[1] - width // 2
    low, high = max(top, 0), min(top + height, len(picture))
    start, end = max(left, 0), min(left + width, picture.shape[1])
    cut = np.s_[low - top : high - top, start - left : end - left]
    inside = np.s_[low:high, start:end]
    alpha = coverage[cut][..., None]
    picture[inside] = picture[inside] * (1 - alpha) + np.clip(colours[cut], 0, 255) * alpha
    thing[inside][coverage[cut] > 0.5] = number
