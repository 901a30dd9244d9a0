# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Made-up conditions of a camera: dirt, blur, darkness, glare, fog, rain; and things of a size.

All take and return an image, uint8 [H, W, 3] BGR; the same seed gives the same dirt and drops, so
that they stay in place over the frames of a drive. They are rough: what they share with the real
condition is how much of the image changes, and in what direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Change = Callable[[Image, int], Image]
"""From an image and a seed to the image in the condition."""


def _limited(pixels: NDArray[np.floating]) -> Image:
    return np.clip(pixels, 0, 255).astype(np.uint8)


def dirt(image: Image, seed: int, *, share: float) -> Image:
    """Splash mud on `share` of the lens: brown, out of focus, hardly transparent."""
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    cover = np.zeros((height, width), np.float32)
    while cover.mean() < share:
        radius = random.uniform(0.04, 0.12) * width
        centre = (int(random.uniform(0, width)), int(random.uniform(0, height)))
        axes = (int(radius), int(radius * random.uniform(0.5, 1)))
        cv2.ellipse(cover, centre, axes, random.uniform(0, 180), 0, 360, (1.0,), -1)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.012 * width))[..., None]
    cover = cover * random.uniform(0.75, 0.95)
    mud = np.array((40, 55, 70), np.float32) * random.uniform(0.6, 1.4)
    behind = cv2.GaussianBlur(image, (0, 0), width / 40).astype(np.float32)
    return _limited(image * (1 - cover) + cover * (0.6 * mud + 0.2 * behind))


def blur(image: Image, seed: int, *, pixels: float) -> Image:
    """Put the lens out of focus, by a standard deviation in pixels of 640 across."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), pixels * image.shape[1] / 640), np.uint8)


def dark(image: Image, seed: int, *, gain: float) -> Image:
    """Leave a share `gain` of the light, and add the noise of a sensor at night."""
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return _limited(image * np.float32(gain) + noise)


def overexposed(image: Image, seed: int, *, gain: float) -> Image:
    """Multiply the light."""
    return _limited(image * np.float32(gain))


def glare(image: Image, seed: int, *, size: float) -> Image:
    """Put a low sun into the image; `size` of its core is in image widths."""
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    sun = random.uniform(0.3, 0.7) * width, random.uniform(0.2, 0.5) * height
    distance = np.hypot(x - sun[0], y - sun[1])[..., None] / width
    core = np.exp(-((distance / size) ** 2))
    veil = 0.35 * np.exp(-((distance / (3 * size)) ** 2))
    return _limited(image * (1 - veil) + 255 * (1.3 * core + veil))


def fog(image: Image, seed: int, *, density: float) -> Image:
    """Let far rows vanish: the road's distance by row, a horizon at 0.42 of the height."""
    rows = np.linspace(0, 1, len(image))[:, None, None]
    metres = np.where(rows < 0.44, 4.0, np.minimum(1 / np.maximum(rows - 0.42, 0.02) / 14, 4.0))
    clear = np.exp(-density * metres)
    return _limited(image * clear + 200 * (1 - clear))


def rain(image: Image, seed: int, *, streaks: int) -> Image:
    """Draw streaks in the air, and an eighth as many blurred drops on the glass."""
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    light = np.zeros((height, width), np.float32)
    for _ in range(streaks):
        x, y = random.uniform(0, width), random.uniform(0, height)
        length = random.uniform(0.03, 0.08) * height
        end = (int(x + 0.15 * length), int(y + length))
        cv2.line(light, (int(x), int(y)), end, (float(random.uniform(0.2, 0.6)),), 1)
    light = light[..., None]
    wet = _limited(image * (1 - 0.5 * light) + 180 * light).astype(np.float32)
    glass = np.zeros((height, width), np.float32)
    for _ in range(streaks // 8):
        centre = (int(random.uniform(0, width)), int(random.uniform(0, height)))
        cv2.circle(glass, centre, int(random.uniform(0.006, 0.025) * width), (1.0,), -1)
    glass = np.asarray(cv2.GaussianBlur(glass, (0, 0), 1.5))[..., None]
    drops = cv2.GaussianBlur(wet, (0, 0), width / 110)
    return _limited(wet * (1 - glass) + drops * glass)


def thing(image: Image, seed: int, *, share: float, texture: Image) -> Image:
    """Put an unknown thing on the road: an ellipse that covers `share` of the image.

    `texture` is what it looks like, another image of any size; its colours are changed.
    """
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    tall = min(math.sqrt(share * height * width / (math.pi / 4 * 1.3)), height)
    wide = min(share * height * width / (math.pi / 4 * tall), width)
    x = min(max(random.uniform(0.35, 0.65) * width, wide / 2), width - wide / 2)
    y = min(0.72 * height, height - tall / 2)
    cover = np.zeros((height, width), np.float32)
    axes = (int(wide / 2), int(tall / 2))
    cv2.ellipse(cover, (int(x), int(y)), axes, 0, 0, 360, (1.0,), -1)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.0))[..., None]
    look = cv2.resize(texture[:, ::-1, ::-1], (width, height)) * random.uniform(0.6, 1.2, 3)
    return _limited(image * (1 - cover) + cover * look)
