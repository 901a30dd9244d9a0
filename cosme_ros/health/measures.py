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

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.postprocessing.static_mask import StaticMask, visible_values

MOST_WIDTH = 640
"""Pixels: images are measured at the bundle's input size, reduced to this width at most."""

_TILES = (9, 16)  # rows, columns
_SATURATED = 250  # grey value
_MOST_SATURATED = 0.5  # share of a tile's pixels, above which the tile shows nothing
_FEWEST_SHOWN = 0.25  # share of all tiles
_SMALLEST_SCORE = 1e-12
_SMALLEST_TEXTURE = 0.05  # grey values
# An unknown thing over half of the image leaves it where it was, and the sky alone does not set it.
_SCORE_QUANTILE = 0.25
_SHARP_QUANTILE, _SMOOTH_QUANTILE = 0.75, 0.25


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


# From what follows of conditions to what they are: of several that are far off, the last is named.
MEASURES: tuple[Measure, ...] = (
    Measure("memory distance", "", "most of the image is unlike the memory", 1.0),
    Measure("consensus distance", "", "the networks disagree about most of the image", 1.0),
    Measure("sharpness", "the image is blurred", "the image is noisy or full of streaks", 0.2),
    Measure("texture", "much of the image shows nothing", "the image is noisy", 0.2),
    Measure("contrast", "the image has little contrast", "", 0.2),
    Measure("brightness", "the image is dark", "the image is bright", 10.0),
    Measure("saturated share", "", "much of the image is white", 0.1),
)


def frame_measures(
    image: NDArray[np.uint8],
    maps: Mapping[str, NDArray[np.float32]],
    *,
    input_size: tuple[int, int],
    static_mask: StaticMask | None = None,
) -> NDArray[np.float64]:
    """Return the measures of a frame, float64 [len(MEASURES)], finite if it has maps.

    Args:
        image: uint8 [H, W, 3] BGR, any size.
        maps: `mulmem` and `auxcon`, float32 [h, w], finite; without them what is measured of
            them is NaN.
        input_size: (height, width) of the bundle's network input in pixels.
        static_mask: what it hides is not measured.
    """
    memory, consensus = (
        _distance(maps[name], static_mask) if name in maps else np.nan
        for name in ("mulmem", "auxcon")
    )
    grey = _grey(image, input_size)
    edges = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S)), np.float32)
    looked_at = np.ones(_TILES, bool) if static_mask is None else static_mask.places(*_TILES)
    pixels = grey if static_mask is None else grey[static_mask.places(*grey.shape)]
    plane = grey.astype(np.float32)
    brightness = _tiles(plane)
    deviation = np.sqrt(np.maximum(_tiles(plane * plane) - brightness**2, 0.0))
    shown = _shown_tiles(grey, looked_at)
    smooth, sharp = np.quantile(_tiles(edges)[shown], (_SMOOTH_QUANTILE, _SHARP_QUANTILE))
    return np.array(
        [
            memory,
            consensus,
            np.log(sharp + _SMALLEST_TEXTURE),
            np.log(smooth + _SMALLEST_TEXTURE),
            np.log(np.median(deviation[shown]) + _SMALLEST_TEXTURE),
            brightness[looked_at].mean(),
            np.count_nonzero(pixels >= _SATURATED) / pixels.size,
        ],
        np.float64,
    )


def _distance(score: NDArray[np.float32], static_mask: StaticMask | None) -> float:
    """Return how far most of a score map is from normal, as a logarithm."""
    values = visible_values(score, static_mask)
    return float(np.log(max(float(np.quantile(values, _SCORE_QUANTILE)), _SMALLEST_SCORE)))


def _shown_tiles(grey: NDArray[np.uint8], looked_at: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the tiles of which edges and contrast are measured, bool of shape _TILES.

    A saturated tile is smooth whatever is there, also in clear air and with a clean lens: the
    saturated share counts it, and nothing else should. Where hardly any other tile is left, all
    count.
    """
    saturated = _tiles((grey >= _SATURATED).astype(np.float32)) > _MOST_SATURATED
    shown = looked_at & ~saturated
    return shown if shown.sum() >= _FEWEST_SHOWN * looked_at.sum() else looked_at


def _grey(image: NDArray[np.uint8], input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the image in grey at the size at which it is measured, uint8 [h, w]."""
    height, width = input_size
    scale = min(1.0, MOST_WIDTH / width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    # Of one channel resizing takes a third of the time.
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    if grey.shape == (height, width):
        return grey
    enlarged = grey.shape[0] < height or grey.shape[1] < width
    how = cv2.INTER_LINEAR if enlarged else cv2.INTER_AREA
    return np.asarray(cv2.resize(grey, (width, height), interpolation=how), np.uint8)


def _tiles(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the means over tiles, float64 of shape _TILES."""
    rows, columns = _TILES
    return np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA), np.float64)
