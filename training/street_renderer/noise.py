# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Tileable noise and the one way every random stream of a street is opened."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# SeedSequence refuses negative words, but a street has cells behind its origin.
_INDEX_ORIGIN = 1 << 31


def stream(seed: int, purpose: int, index: int = 0) -> np.random.Generator:
    """Independent random stream for (seed >= 0, purpose >= 0, any index)."""
    return np.random.default_rng([seed, purpose, index + _INDEX_ORIGIN])


@lru_cache(maxsize=64)
def value_noise(size: int, cell: int, variant: int = 0) -> Float:
    """Smooth tileable noise, float32 [size, size] in 0..1, features about `cell` texels wide.

    A constant of the package (its arguments are its only input), so it is remembered.
    """
    grid = np.random.default_rng([size, cell, variant]).random((size // cell, size // cell))
    padded = np.pad(grid.astype(np.float32), 2, mode="wrap")
    large = cv2.resize(padded, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    middle = large[2 * cell : 2 * cell + size, 2 * cell : 2 * cell + size]
    tile = np.clip(middle, 0.0, 1.0).astype(np.float32)
    tile.setflags(write=False)
    return tile


@lru_cache(maxsize=32)
def fractal_noise(size: int, coarsest: int, variant: int = 0) -> Float:
    """Sum of octaves of value_noise, float32 [size, size] stretched to 0..1, tileable."""
    total = np.zeros((size, size), np.float32)
    cell, weight = coarsest, 1.0
    while cell >= 1:
        total += weight * value_noise(size, cell, variant)
        cell, weight = cell // 2, weight * 0.62
    low, high = float(total.min()), float(total.max())
    tile = ((total - low) / (high - low)).astype(np.float32)
    tile.setflags(write=False)
    return tile


@lru_cache(maxsize=4)
def sensor_noise(size: int, variant: int = 0) -> Float:
    """Return standard normal noise, float32 [size, size, 3], slightly correlated between pixels."""
    white = np.random.default_rng([size, variant, 7]).standard_normal((size, size, 3))
    soft = cv2.GaussianBlur(white.astype(np.float32), (0, 0), 0.55)
    tile: Float = (soft / soft.std()).astype(np.float32)
    tile.setflags(write=False)
    return tile


def crop(tile: Float, height: int, width: int, rng: np.random.Generator) -> Float:
    """Return a [height, width] piece of a tileable texture from a random place, wrapping around."""
    rows = (np.arange(height) + rng.integers(tile.shape[0])) % tile.shape[0]
    cols = (np.arange(width) + rng.integers(tile.shape[1])) % tile.shape[1]
    piece: Float = tile.take(rows, axis=0).take(cols, axis=1)
    return piece
