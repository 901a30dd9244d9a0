# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The plan of a street: how it bends, how wide its strips are, where side streets join."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .noise import stream
from .weather import Colour, jittered

Array = NDArray[np.float64]

BLOCK_M = 48.0
KERB_M = 0.22
_PLAN, _BLOCK = 2, 3


@lru_cache(maxsize=512)
def _block_draws(seed: int, block: int) -> tuple[float, float, float]:
    """Three uniform draws of a block; asked for by everything that stands in it."""
    a, b, c = stream(seed, _BLOCK, block).random(3)
    return float(a), float(b), float(c)


@dataclass(frozen=True)
class Side:
    """Widths in metres from the lanes outward; `edge` is the distance of the kerb from q = 0."""

    edge: float
    parking: float
    verge: float
    pavement: float
    yard: float
    boundary: str
    parked_share: float
    tree_share: float

    @property
    def pavement_start(self) -> float:
        """Metres from the middle line to the pavement."""
        return self.edge + KERB_M + self.verge

    @property
    def building_line(self) -> float:
        """Metres from the middle line to the buildings."""
        return self.pavement_start + self.pavement + self.yard


@dataclass(frozen=True)
class Street:
    """A street along z.

    Street coordinates: s = z (metres along), q (metres right of the middle line; own lanes have
    q > 0, oncoming lanes q < 0). World x = q + bend(s).
    """

    seed: int
    setting: str
    bend_amplitude: float
    bend_length: float
    bend_phase: float
    lane_width: float
    own_lanes: int
    oncoming_lanes: int
    left: Side
    right: Side
    asphalt: Colour
    paving: Colour
    kerb: Colour
    terrain: Colour
    busy: float

    def side(self, sign: int) -> Side:
        """Return the right side for a positive sign, else the left one."""
        return self.right if sign > 0 else self.left

    def bend(self, s: float) -> float:
        """Return how far the middle line is to the right of x = 0 at s, in metres."""
        return self.bend_amplitude * math.sin(s / self.bend_length + self.bend_phase)

    def slope(self, s: float) -> float:
        """dx/dz of the street's middle line."""
        return (
            self.bend_amplitude
            / self.bend_length
            * math.cos(s / self.bend_length + self.bend_phase)
        )

    def world(self, s: Array, y: Array | float, q: Array) -> Array:
        """Street coordinates [...] -> world [..., 3]."""
        x = q + self.bend_amplitude * np.sin(s / self.bend_length + self.bend_phase)
        points = np.empty((*x.shape, 3), np.float64)
        points[..., 0], points[..., 1], points[..., 2] = x, y, s
        return points

    def junction(self, block: int) -> tuple[float, float] | None:
        """Return the stretch (s from, s to) of a block where a side street joins, if one does."""
        joins, wide, _ = _block_draws(self.seed, block)
        if joins > (0.4 if self.setting in ("city", "suburb") else 0.15):
            return None
        return block * BLOCK_M, block * BLOCK_M + 6.0 + 4.0 * wide

    def has_zebra(self, block: int) -> bool:
        """Whether a zebra crossing lies at the end of a block (its stretch: zebra_at)."""
        return _block_draws(self.seed, block)[2] < (0.45 if self.setting == "city" else 0.2)

    @staticmethod
    def zebra_at(block: int) -> float:
        """Return s of the middle of the zebra crossing of a block."""
        return (block + 1) * BLOCK_M - 5.0


def _side(rng: np.random.Generator, setting: str, lanes: int, lane_width: float) -> Side:
    city = setting == "city"
    rural = setting == "rural"
    parking = float(rng.uniform(2.0, 2.5)) if rng.random() < (0.1 if rural else 0.6) else 0.0
    yard = {"city": 0.0, "suburb": 5.0, "works": 3.0, "rural": 9.0}[setting] * rng.uniform(0.5, 1.4)
    boundaries = {
        "city": ["none"],
        "suburb": ["hedge", "fence", "wall", "none"],
        "works": ["fence", "wall", "wall"],
        "rural": ["none", "fence", "hedge"],
    }[setting]
    verge = float(rng.uniform(0.8, 2.5)) if rng.random() < (0.15 if city else 0.45) else 0.0
    pavement = (
        0.0 if rural and rng.random() < 0.7 else float(rng.uniform(1.5, 4.5 if city else 2.6))
    )
    return Side(
        edge=lanes * lane_width + 0.3 + parking,
        parking=parking,
        verge=verge + (1.5 if pavement == 0.0 else 0.0),
        pavement=pavement,
        yard=float(yard),
        boundary=str(rng.choice(boundaries)),
        parked_share=float(rng.uniform(0.15, 0.85)) if parking else 0.0,
        tree_share=float(rng.choice([0.0, 0.25, 0.7])) if not rural else float(rng.uniform(0.4, 1)),
    )


def plan_street(seed: int) -> Street:
    """Return the street of a seed."""
    rng = stream(seed, _PLAN)
    setting = str(rng.choice(["city", "suburb", "works", "rural"], p=[0.4, 0.32, 0.13, 0.15]))
    lane_width = float(rng.uniform(2.9, 3.7))
    own = int(rng.choice([1, 2], p=[0.78, 0.22]))
    oncoming = own if rng.random() < 0.85 else 0
    tone = float(rng.choice([rng.uniform(55, 95), rng.uniform(95, 135), rng.uniform(135, 165)]))
    cast = float(rng.uniform(-7, 7))
    pavings: list[Colour] = [
        (150.0, 155.0, 158.0),
        (120.0, 124.0, 128.0),
        (120.0, 150.0, 178.0),
        (172.0, 178.0, 184.0),
        (105.0, 118.0, 150.0),
    ]
    soils: list[Colour] = [
        (52.0, 112.0, 92.0),
        (48.0, 128.0, 104.0),
        (70.0, 122.0, 128.0),
        (88.0, 116.0, 138.0),
    ]
    return Street(
        seed=seed,
        setting=setting,
        bend_amplitude=float(rng.uniform(-8.0, 8.0)),
        bend_length=float(rng.uniform(60.0, 110.0)),
        bend_phase=float(rng.uniform(0.0, 2.0 * math.pi)),
        lane_width=lane_width,
        own_lanes=own,
        oncoming_lanes=oncoming,
        left=_side(rng, setting, oncoming, lane_width),
        right=_side(rng, setting, own, lane_width),
        asphalt=(tone - cast, tone, tone + cast),
        paving=jittered(pavings[int(rng.integers(len(pavings)))], 10.0, rng),
        kerb=jittered((158.0, 160.0, 162.0), 18.0, rng),
        terrain=jittered(soils[int(rng.integers(len(soils)))], 10.0, rng),
        busy=float(rng.uniform(0.1, 1.0)),
    )
