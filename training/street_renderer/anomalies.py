# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where and when things that do not belong stand on the road."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .anomaly_shapes import Cutout, make_cutout
from .camera import Array
from .canvas import Stage
from .classes import VOID
from .noise import stream
from .street import Street
from .weather import Weather

_PLACE, _SHAPE = 90, 91
CELL_M = 18.0
NEAREST_M, FARTHEST_M = 5.0, 26.0


@dataclass
class Anomaly:
    """A thing at (s, q) that appears once the camera is within `appears` metres.

    So it was dropped or ran onto the road, as real ones do.
    """

    s: float
    q: float
    appears: float
    mirrored: bool
    cutout: Cutout

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s

    @cached_property
    def half(self) -> float:
        """Half of its width, in metres."""
        return self.cutout.width / 2

    def contact(self) -> list[Array]:
        """Return the soft dark patch it stands on, polygons of (s, q)."""
        turn = np.linspace(0, 2 * math.pi, 16, endpoint=False)
        return [
            np.stack(
                [
                    self.s + 0.1 + 0.4 * self.half * np.sin(turn),
                    self.q + self.half * 0.95 * np.cos(turn),
                ],
                -1,
            )
        ]

    def cast_shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        tall = self.cutout.height * 0.85
        a, b = self.half * 0.85, self.half * 0.6
        return [
            np.array(
                [
                    [self.s, self.q - a],
                    [self.s, self.q + a],
                    [self.s + dz * tall, self.q + dx * tall + b],
                    [self.s + dz * tall, self.q + dx * tall - b],
                ]
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        foot = stage.upright(self.s, self.q)
        if foot is None:
            return
        u, v, scale, depth = foot
        box = (
            u - self.half * scale,
            v - self.cutout.height * scale,
            u + self.half * scale,
            v + 0.02 * scale,
        )
        factor = stage.weather.facing(0.0, -1.0)
        stage.sprite(self.cutout.sprite, box, depth, VOID, factor, self.mirrored)


def anomalies_of(street: Street, cell: int) -> list[Anomaly]:
    """Return the anomalies of one cell of CELL_M: usually one, in the own lane."""
    rng = stream(street.seed, _PLACE, cell)
    count = int(rng.choice([0, 1, 2, 3], p=[0.15, 0.72, 0.1, 0.03]))
    middle = 0.5 * street.lane_width
    things: list[Anomaly] = []
    for i in range(count):
        cutout = make_cutout(stream(street.seed, _SHAPE + i, cell))
        s = (cell + float(rng.uniform(0.1, 0.9))) * CELL_M
        room = max(middle - 0.3 - cutout.width / 2, 0.0)
        q = middle + float(np.clip(rng.normal(0, 0.8), -room - 0.2, room + 0.35))
        things.append(
            Anomaly(s, q, float(rng.uniform(15.0, FARTHEST_M)), bool(rng.random() < 0.5), cutout)
        )
    return things
