# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is measured of a whole frame, to compare it with the frames of calibration.

Each measure is one number a frame. An obstacle changes a part of a frame, bad conditions change
most of it: so each measure is a quantile over places or an average over the image, which a single
obstacle hardly moves. Nothing here runs a network: the maps are those that the frame has anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosme_ros.postprocessing.static_mask import StaticMask

MOST_WIDTH = 640
"""Pixels: images are measured at the bundle's input size, reduced to this width at most."""

_TILES = (9, 16)  # rows, columns
_DARK, _BRIGHT = 12, 250  # grey values
_SMALLEST_SCORE = 1e-12
_SMALLEST_TEXTURE = 0.05


@dataclass(frozen=True)
class Measure:
    """One number that a frame has."""

    name: str
    """Key in the manifest and, after "health: ", in the diagnostics."""
    low: str
    """What a value below those of calibration means; '' where it means nothing wrong."""
    high: str
    """What a value above them means; '' where it means nothing wrong."""
    smallest_scale: float
    """Smallest distance between middle and end of calibration that is believed, in the measure's
    unit: where all calibration frames are alike, rounding must not be a change of domain."""


MEASURES: tuple[Measure, ...] = (
    Measure("memory distance", "", "the memory knows few places of the image", 0.1),
    Measure("consensus distance", "", "the networks disagree about most of the image", 0.1),
    Measure("score", "", "scores are high all over the image", 0.1),
    Measure("sharpness", "the image is blurred", "the image is noisy or full of streaks", 0.1),
    Measure("smooth texture", "parts of the image have no texture", "", 0.1),
    Measure("brightness", "the image is dark", "the image is bright", 4.0),
    Measure("contrast", "the image has little contrast", "", 2.0),
    Measure("dark share", "", "much of the image is black", 0.02),
    Measure("saturated share", "", "much of the image is white", 0.02),
)


def frame_measures(
    image: NDArray[np.uint8],
    maps: Mapping[str, NDArray[np.float32]],
    *,
    input_size: tuple[int, int],
    static_mask: StaticMask | None = None,
) -> NDArray[np.float64]:
    """Return the measures of a frame, float64 [len(MEASURES)], finite.

    Args:
        image: uint8 [H, W, 3] BGR, any size.
        maps: `mulmem`, `auxcon` and `score` (raw), float32 [h, w], finite, on one grid.
        input_size: (height, width) of the bundle's network input in pixels.
        static_mask: what it hides is not measured.
    """
    scores = {
        name: maps[name] if static_mask is None else static_mask.values_of(maps[name])
        for name in ("mulmem", "auxcon", "score")
    }
    grey = _grey(image, input_size)
    texture = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S)), np.uint8)
    tiles, brightness = _tiles(texture), _tiles(grey)
    looked_at = np.ones(_TILES, bool) if static_mask is None else static_mask.places(*_TILES)
    pixels = grey if static_mask is None else grey[static_mask.places(*grey.shape)]
    counts = np.bincount(pixels.ravel(), minlength=256) / pixels.size
    tiles, brightness = tiles[looked_at], brightness[looked_at]
    smooth, sharp = np.log(np.quantile(tiles, (0.1, 0.75)) + _SMALLEST_TEXTURE)
    return np.array(
        [
            _middle(scores["mulmem"]),
            _middle(scores["auxcon"]),
            _middle(scores["score"]),
            sharp,
            smooth,
            brightness.mean(),
            brightness.std(),
            counts[: _DARK + 1].sum(),
            counts[_BRIGHT:].sum(),
        ],
        np.float64,
    )


def _grey(image: NDArray[np.uint8], input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the image in grey at the size at which it is measured, uint8 [h, w]."""
    height, width = input_size
    scale = min(1.0, MOST_WIDTH / width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    if image.shape[:2] != (height, width):
        enlarged = image.shape[0] < height or image.shape[1] < width
        how = cv2.INTER_LINEAR if enlarged else cv2.INTER_AREA
        image = np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _tiles(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the means over tiles, float64 of shape _TILES."""
    rows, columns = _TILES
    means = cv2.resize(plane.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float64)


def _middle(scores: NDArray[np.float32]) -> float:
    """Return the median of the logarithms: scores of different bundles differ by powers of ten."""
    return float(np.log(max(float(np.median(scores)), _SMALLEST_SCORE)))
