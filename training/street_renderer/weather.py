# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Light over a street: sun, sky, haze, and what the camera's exposure makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .noise import stream

Colour = tuple[float, float, float]

_PURPOSE = 1


@dataclass(frozen=True)
class Weather:
    """The light of one drive. Colours are BGR 0..255.

    shadow_per_metre: (x, z) metres of cast shadow per metre of height; shadow: 0 none .. 1 black;
    visibility: metres until haze has swallowed 63 %; wet: 0 dry .. 1 wet road.
    """

    kind: str
    sky_top: Colour
    sky_low: Colour
    cloud: Colour
    cloud_cover: float
    haze: Colour
    visibility: float
    shadow: float
    shadow_per_metre: tuple[float, float]
    shadow_softness: float
    wet: float
    lamps_on: bool
    season: str

    def hazed(self, colour: Colour, depth: float) -> Colour:
        """Return the colour as seen through `depth` metres of air."""
        clear = math.exp(-max(depth, 0.0) / self.visibility)
        return (
            colour[0] * clear + self.haze[0] * (1.0 - clear),
            colour[1] * clear + self.haze[1] * (1.0 - clear),
            colour[2] * clear + self.haze[2] * (1.0 - clear),
        )

    def facing(self, normal_x: float, normal_z: float) -> float:
        """Brightness factor of an upright face with the given world normal."""
        sx, sz = self.shadow_per_metre
        length = math.hypot(sx, sz)
        towards_sun = -(normal_x * sx + normal_z * sz) / max(length, 1e-6)
        return 0.86 + self.shadow * (0.34 * max(towards_sun, 0.0) - 0.26 * max(-towards_sun, 0.0))


def scaled(colour: Colour, factor: float) -> Colour:
    """Return the colour times a brightness factor, kept within 0..255."""
    return (
        min(colour[0] * factor, 255.0),
        min(colour[1] * factor, 255.0),
        min(colour[2] * factor, 255.0),
    )


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """Return the mixture of two colours: `a` for share 0, `b` for share 1."""
    keep = 1.0 - share
    return (a[0] * keep + b[0] * share, a[1] * keep + b[1] * share, a[2] * keep + b[2] * share)


def jittered(colour: Colour, amount: float, rng: np.random.Generator) -> Colour:
    """Return the colour up to +-amount brighter or darker, its tint a third as far off; 0..255."""
    a, b, c, d = (float(draw) * amount for draw in rng.uniform(-1.0, 1.0, 4))
    return (
        min(max(colour[0] + a + b / 3, 0.0), 255.0),
        min(max(colour[1] + a + c / 3, 0.0), 255.0),
        min(max(colour[2] + a + d / 3, 0.0), 255.0),
    )


def choose_weather(seed: int) -> Weather:
    """Return the weather of a drive, by its seed."""
    rng = stream(seed, _PURPOSE)
    kind = str(
        rng.choice(
            ["clear", "scattered", "overcast", "dusk", "fog"], p=[0.3, 0.26, 0.24, 0.12, 0.08]
        )
    )
    season = str(rng.choice(["summer", "autumn", "winter"], p=[0.64, 0.22, 0.14]))
    azimuth = rng.uniform(0.0, 2.0 * math.pi)
    reach = rng.uniform(0.4, 2.4) if kind != "dusk" else rng.uniform(2.0, 4.0)
    per_metre = (math.sin(azimuth) * reach, math.cos(azimuth) * reach)
    wet = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.18 else 0.0
    if kind == "clear":
        top, low, cloud, cover = (
            (205, 140, 75),
            (240, 215, 180),
            (250, 248, 245),
            rng.uniform(0, 0.3),
        )
        shadow, visibility, softness = rng.uniform(0.5, 0.8), rng.uniform(200, 500), 0.8
    elif kind == "scattered":
        top, low, cloud, cover = (
            (200, 150, 105),
            (238, 222, 205),
            (245, 243, 240),
            rng.uniform(0.4, 0.8),
        )
        shadow, visibility, softness = rng.uniform(0.3, 0.65), rng.uniform(160, 400), 1.2
    elif kind == "overcast":
        top, low, cloud, cover = (
            (205, 200, 196),
            (232, 230, 228),
            (190, 186, 182),
            rng.uniform(0.4, 1.0),
        )
        shadow, visibility, softness = rng.uniform(0.0, 0.12), rng.uniform(90, 260), 4.0
    elif kind == "dusk":
        top, low, cloud, cover = (
            (120, 80, 70),
            (110, 150, 215),
            (120, 105, 130),
            rng.uniform(0.2, 0.8),
        )
        shadow, visibility, softness = rng.uniform(0.1, 0.45), rng.uniform(120, 300), 2.0
    else:
        top, low, cloud, cover = (205, 203, 202), (214, 212, 210), (208, 206, 204), 0.2
        shadow, visibility, softness = 0.0, rng.uniform(35, 80), 4.0
    sky_low = jittered(low, 8.0, rng)
    return Weather(
        kind=kind,
        sky_top=jittered(top, 16.0, rng),
        sky_low=sky_low,
        cloud=jittered(cloud, 6.0, rng),
        cloud_cover=float(cover),
        haze=mixed(sky_low, (205.0, 200.0, 195.0), 0.4)
        if kind != "dusk"
        else (120.0, 120.0, 140.0),
        visibility=float(visibility),
        shadow=float(shadow),
        shadow_per_metre=per_metre,
        shadow_softness=float(softness * rng.uniform(0.7, 1.4)),
        wet=wet,
        lamps_on=kind == "dusk" or bool(rng.random() < 0.1),
        season=season,
    )
