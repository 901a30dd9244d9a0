# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Sky, clouds and the skyline at the end of every street."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .canvas import Stage
from .classes import BUILDING, SKY, VEGETATION
from .noise import fractal_noise, stream
from .weather import jittered, mixed

_SKY, _SKYLINE = 10, 11
_SKYLINE_DEPTH_M = 150.0


def paint_sky(stage: Stage) -> None:
    """Fill the picture above the horizon (and a little below) with sky and drifting clouds."""
    weather, camera = stage.weather, stage.camera
    rng = stream(stage.street.seed, _SKY)
    offset_x, offset_y = rng.uniform(0, 256, 2)
    brightest = rng.uniform(-0.6, 0.6)
    h, w = stage.image.shape[:2]
    below = min(max(int(camera.horizon) + 12, 2), h)
    # Clouds have no sharp edge: half resolution is enough.
    rows = (np.arange(0, below, 2, dtype=np.float32) + 1.0)[:, None]
    right = (np.arange(0, w, 2, dtype=np.float32)[None] + 1.0 - w / 2) / camera.focal + camera.yaw
    up = np.maximum((camera.horizon - rows) / camera.focal, 0.02)
    lift = np.broadcast_to(np.clip(up * 2.2, 0, 1) ** 0.7, (rows.shape[0], right.shape[1]))
    low, top = np.array(weather.sky_low, np.float32), np.array(weather.sky_top, np.float32)
    sky = low + (top - low) * lift[..., None]
    tile = fractal_noise(256, 64, 3)
    cloud = cv2.remap(
        tile,
        (right / (up + 0.12) * 22.0 + offset_x).astype(np.float32) % 256,
        np.broadcast_to((1.0 / (up + 0.12) * 22.0 + offset_y).astype(np.float32), lift.shape) % 256,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    threshold = 0.75 - 0.45 * weather.cloud_cover
    amount = np.clip((cloud - threshold) * 5.0, 0, 1) * (0.25 + 0.75 * np.clip(up * 5, 0, 1))
    shaded = np.array(weather.cloud, np.float32) * (1.08 - 0.3 * cloud[..., None])
    sky += (shaded - sky) * amount[..., None]
    sky *= (1.0 + 0.08 * np.exp(-((right - brightest) ** 2) * 6.0))[..., None]
    small = np.clip(sky, 0, 255).astype(np.uint8)
    stage.image[:below] = cv2.resize(small, (w, small.shape[0] * 2))[:below]
    stage.class_id[:below] = SKY


def paint_skyline(stage: Stage) -> None:
    """Distant roofs and tree tops, fixed in direction, so that no street ends in nothing."""
    rng = stream(stage.street.seed, _SKYLINE)
    camera = stage.camera
    tall = {"city": 0.11, "suburb": 0.05, "works": 0.06, "rural": 0.035}[stage.street.setting]
    built = {"city": 0.85, "suburb": 0.5, "works": 0.6, "rural": 0.12}[stage.street.setting]
    angles = np.arange(-1.0, 1.0, 0.05)
    draws = rng.random((len(angles), 6))
    green = {
        "summer": (52.0, 92.0, 70.0),
        "autumn": (48.0, 92.0, 130.0),
        "winter": (80.0, 92.0, 100.0),
    }[stage.weather.season]
    bottom = camera.horizon + 4.0
    for angle, draw in zip(angles, draws, strict=True):
        centre = camera.width / 2 + camera.focal * (angle + 0.03 * draw[0] - camera.yaw)
        half = camera.focal * (0.025 + 0.035 * draw[1])
        if centre + half < 0 or centre - half > camera.width:
            continue
        rise = camera.focal * tall * (0.35 + 0.65 * draw[2])
        if draw[3] < built:
            grey = 90.0 + 90.0 * draw[4]
            colour = mixed((grey, grey, grey), (grey * 0.8, grey * 0.9, grey), float(draw[5]))
            top = camera.horizon - rise
            uv = np.array(
                [
                    [centre - half, bottom],
                    [centre - half, top],
                    [centre + half, top],
                    [centre + half, bottom],
                ]
            )
            stage.flat(uv, colour, BUILDING, _SKYLINE_DEPTH_M)
        else:
            turn = np.linspace(math.pi, 0.0, 14)
            bumps = 0.72 + 0.1 * np.sin(turn * (5 + 6 * draw[4]) + 6 * draw[5])
            uv = np.stack(
                [
                    centre + 1.7 * half * np.cos(turn),
                    camera.horizon - rise * bumps * np.sin(turn) ** 0.6,
                ],
                axis=-1,
            )
            uv = np.concatenate([uv, [[uv[-1, 0], bottom], [uv[0, 0], bottom]]])
            stage.flat(uv, jittered(green, 8.0, rng), VEGETATION, _SKYLINE_DEPTH_M)
