# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a camera does to light: blur, exposure, colour cast, vignette, noise, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .canvas import Bytes
from .noise import Float, sensor_noise, stream
from .weather import Weather

_SENSOR, _GRAIN = 100, 101
_NOISE_TILE = 384


@dataclass(frozen=True)
class Sensor:
    """One drive's camera electronics. focus, motion: blur in pixels of a 640 wide picture."""

    focus: float
    motion: float
    table: Bytes
    noise: float
    vignette: Float | None
    quality: int | None


def make_sensor(seed: int, weather: Weather, height: int, width: int) -> Sensor:
    """Return the camera of a drive, by its seed."""
    rng = stream(seed, _SENSOR)
    dusk = weather.kind == "dusk"
    exposure = math.exp(rng.normal(-0.35 if dusk else 0.0, 0.24))
    gamma = math.exp(rng.normal(0.0, 0.14))
    cast = np.exp(rng.normal(0.0, 0.03, 3))
    black = float(rng.uniform(0, 14)) if rng.random() < 0.5 else 0.0
    ramp = np.linspace(0, 1, 256)[:, None]
    curve = np.clip((ramp * exposure) ** gamma * cast, 0, 1.15)
    # The shoulder keeps overexposed sky from being one flat white everywhere.
    rolled = np.where(curve > 0.85, 0.85 + 0.15 * np.tanh((curve - 0.85) / 0.15), curve)
    table = np.clip(black + rolled * (255 - black), 0, 255).astype(np.uint8)[:, None]
    strength = float(rng.uniform(0.0, 0.4)) if rng.random() < 0.6 else 0.0
    vignette: Float | None = None
    if strength > 0.05:
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        vignette = (1.0 - strength * (x * x + y * y) / 2).astype(np.float32)
    noise = float(rng.uniform(0.5, 4.0)) + (float(rng.uniform(0, 6)) if dusk else 0.0)
    return Sensor(
        focus=float(rng.uniform(0.3, 0.6)) if rng.random() < 0.75 else float(rng.uniform(0.6, 1.5)),
        motion=float(rng.uniform(1.5, 5.0)) if rng.random() < 0.2 else 0.0,
        table=table,
        noise=noise,
        vignette=vignette,
        quality=int(rng.integers(45, 90)) if rng.random() < 0.35 else None,
    )


@lru_cache(maxsize=4)
def _endless_noise(height: int, width: int) -> Float:
    """Return the noise tile, repeated so that a piece can begin anywhere in the first tile."""
    times = (-(-height // _NOISE_TILE) + 1, -(-width // _NOISE_TILE) + 1, 1)
    tile: Float = np.tile(sensor_noise(_NOISE_TILE), times)
    tile.setflags(write=False)
    return tile


def expose(sensor: Sensor, seed: int, t: float, image: Bytes) -> Bytes:
    """Return the picture [h, w, 3] as the camera of a drive records it at time t, uint8 BGR."""
    rng = stream(seed, _GRAIN, round(t * 1000.0))
    h, w = image.shape[:2]
    scale = w / 640
    seen = image
    if sensor.focus * scale > 0.25:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), sensor.focus * scale), np.uint8)
    length = round(sensor.motion * scale)
    if length > 1:
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(-0.5, 0.5)
        middle = (length - 1) / 2
        dx, dy = middle * math.cos(angle), middle * math.sin(angle)
        cv2.line(
            kernel,
            (round(middle - dx), round(middle - dy)),
            (round(middle + dx), round(middle + dy)),
            1.0,
        )
        seen = np.asarray(cv2.filter2D(seen, -1, kernel / kernel.sum()), np.uint8)
    toned = cv2.LUT(seen, sensor.table).astype(np.float32)
    if sensor.vignette is not None:
        toned *= sensor.vignette[..., None]
    y, x = (-int(place) % _NOISE_TILE for place in rng.integers(_NOISE_TILE, size=2))
    toned += _endless_noise(h, w)[y : y + h, x : x + w] * np.float32(sensor.noise)
    np.clip(toned, 0, 255, out=toned)
    recorded = toned.astype(np.uint8)
    if sensor.quality is not None:
        coded = cv2.imencode(".jpg", recorded, [cv2.IMWRITE_JPEG_QUALITY, sensor.quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return recorded
