# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Trees and bushes. Their leaves are the hard normal: ragged edges and dappled shade."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .camera import Array
from .canvas import Bytes, Sprite, Stage
from .classes import VEGETATION
from .noise import crop, fractal_noise, stream, value_noise
from .street import Street
from .weather import Colour, Weather, jittered, scaled

CELL_M = 8.0
_CROWN, _TREE = 50, 51
CROWN_COUNT = 4


def make_crown(street: Street, weather: Weather, index: int) -> Sprite:
    """One of the drive's crowns; the last is a bush, winter's are bare twigs."""
    rng = stream(street.seed, _CROWN, index)
    bush = index == CROWN_COUNT - 1
    if weather.season == "winter" and not bush and rng.random() < 0.75:
        return Sprite.build(_bare_crown(rng))
    size = 176
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / (size / 2) - 1.0
    clumps = crop(fractal_noise(256, 64, int(rng.integers(3))), size, size, rng)
    leaves = crop(fractal_noise(256, 8, int(rng.integers(3))), size, size, rng)
    narrow = float(rng.uniform(0.0, 0.5)) if not bush else 0.0
    reach = np.hypot(x * (1.05 + narrow * (0.6 - y)), y)
    solid = 1.12 - reach + 0.75 * (clumps - 0.5) + 0.45 * (leaves - 0.5)
    if bush:
        solid = np.where(y > 0, np.maximum(solid, 0.98 - np.abs(x) + 0.4 * (leaves - 0.5)), solid)
    threshold = 0.28 + (0.12 if weather.season == "autumn" else 0.0)
    alpha = np.clip((solid - threshold) * 14.0, 0, 1)
    greens: dict[str, list[Colour]] = {
        "summer": [(40, 100, 72), (36, 84, 58), (50, 118, 96), (60, 96, 70), (44, 74, 48)],
        "autumn": [(30, 110, 170), (40, 140, 190), (40, 80, 150), (44, 110, 110)],
        "winter": [(44, 66, 50), (50, 60, 52)],
    }
    palette = greens[weather.season]
    colour = np.array(jittered(palette[int(rng.integers(len(palette)))], 10.0, rng))
    gain = (0.5 + 0.55 * leaves + 0.5 * (clumps - 0.4)) * (1.02 - 0.32 * y)
    gain += 0.18 * (value_noise(256, 1)[:size, :size] - 0.5)
    bgr = np.clip(colour * gain[..., None], 0, 255)
    return Sprite.build(np.dstack([bgr, alpha * 255]).astype(np.uint8))


def _bare_crown(rng: np.random.Generator) -> Bytes:
    size = 256
    alpha = np.zeros((size, size), np.uint8)

    def grow(x: float, y: float, angle: float, length: float, thick: float) -> None:
        if length < 13:
            return
        x1, y1 = x + length * math.cos(angle), y - length * math.sin(angle)
        cv2.line(
            alpha,
            (round(x * 16), round(y * 16)),
            (round(x1 * 16), round(y1 * 16)),
            255,
            max(round(thick), 1),
            cv2.LINE_AA,
            4,
        )
        for _ in range(3):
            grow(x1, y1, angle + rng.normal(0, 0.55), length * rng.uniform(0.6, 0.8), thick * 0.66)

    for spread in (-0.5, 0.0, 0.5):
        grow(size / 2, size - 1.0, math.pi / 2 + spread, 58.0, 6.0)
    bark = np.full((size, size, 3), np.array([58, 66, 76]), np.uint8)
    return np.dstack([bark, alpha])


@dataclass(frozen=True)
class Plant:
    """A tree, or a bush when trunk is 0, standing at (s, q); sizes in metres."""

    s: float
    q: float
    trunk: float
    thickness: float
    width: float
    height: float
    crown: Sprite
    bark: Colour
    mirrored: bool
    lean: float

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s

    def cast_shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        if not self.trunk:
            return []
        dx, dz = weather.shadow_per_metre
        tip = np.array([self.s + dz * self.trunk, self.q + dx * self.trunk])
        along = np.array([dz, dx]) / max(math.hypot(dx, dz), 1e-6)
        side = np.array([-along[1], along[0]]) * self.thickness / 2
        foot = np.array([self.s, self.q])
        return [np.stack([foot - side, foot + side, tip + side, tip - side])]

    def dappled_shadow(self, weather: Weather) -> list[Array]:
        """Return the dappled shadow of the crown, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        middle = self.trunk + self.height / 2
        turn = np.linspace(0, 2 * math.pi, 16, endpoint=False)
        wave = 1.0 + 0.14 * np.sin(turn * 3 + self.s) + 0.1 * np.sin(turn * 5 + self.q)
        along = math.atan2(dx, dz)
        stretch = max(math.hypot(dx, dz) * self.height / 2, self.width / 2)
        a, b = stretch * wave * np.cos(turn), self.width / 2 * wave * np.sin(turn)
        return [
            np.stack(
                [
                    self.s + dz * middle + a * math.cos(along) - b * math.sin(along),
                    self.q + dx * middle + a * math.sin(along) + b * math.cos(along),
                ],
                -1,
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        foot = stage.upright(self.s, self.q)
        if foot is None:
            return
        u, v, scale, depth = foot
        if self.trunk:
            top = v - (self.trunk + 0.35 * self.height) * scale
            half, thin = self.thickness / 2 * scale, self.thickness / 4 * scale
            shift = self.lean * scale
            uv = np.array(
                [
                    [u - half * 1.25, v],
                    [u - half, v - 0.4 * scale],
                    [u + shift - thin, top],
                    [u + shift + thin, top],
                    [u + half, v - 0.4 * scale],
                    [u + half * 1.25, v],
                ]
            )
            if max(half, 0.5) > 0.6:
                stage.flat(uv, self.bark, VEGETATION, depth)
                lit = uv[[0, 1, 2]] * 0.55 + uv[[5, 4, 3]] * 0.45
                stage.flat(
                    np.concatenate([uv[:3], lit[::-1]]), scaled(self.bark, 1.25), VEGETATION, depth
                )
            else:
                stage.flat(uv, self.bark, VEGETATION, depth)
        half = self.width / 2 * scale
        centre = u + self.lean * scale if self.trunk else u
        low = v - self.trunk * scale
        box = (centre - half, low - self.height * scale, centre + half, low)
        stage.sprite(self.crown, box, depth, VEGETATION, mirrored=self.mirrored)


def plants_of(street: Street, cell: int, crowns: list[Sprite]) -> list[Plant]:
    """Trees and bushes of one cell of CELL_M, both sides."""
    rng = stream(street.seed, _TREE, cell)
    habit = stream(street.seed, _TREE, -1_000_000)
    tall, wide = float(habit.uniform(3.5, 7.5)), float(habit.uniform(3.0, 6.5))
    plants: list[Plant] = []

    def tree(s: float, q: float, factor: float) -> Plant:
        bark = jittered((62.0, 78.0, 92.0), 18.0, rng)
        return Plant(
            s,
            q,
            float(rng.uniform(2.0, 2.9)),
            float(rng.uniform(0.18, 0.5)),
            wide * factor,
            tall * factor,
            crowns[int(rng.integers(CROWN_COUNT - 1))],
            bark,
            bool(rng.random() < 0.5),
            float(rng.normal(0, 0.12)),
        )

    def bush(s: float, q: float) -> Plant:
        return Plant(
            s,
            q,
            0.0,
            0.0,
            float(rng.uniform(1.0, 2.6)),
            float(rng.uniform(0.7, 1.9)),
            crowns[-1],
            (0, 0, 0),
            bool(rng.random() < 0.5),
            0.0,
        )

    for sign in (-1, 1):
        side = street.side(sign)
        s0 = cell * CELL_M
        if rng.random() < side.tree_share:
            q = side.edge + 0.22 + (side.verge / 2 if side.verge else 0.5)
            if street.setting != "rural":
                plants.append(tree(s0 + rng.uniform(0, 2.0), sign * q, rng.uniform(0.7, 1.1)))
            else:
                plants.append(
                    tree(
                        s0 + rng.uniform(0, CELL_M),
                        sign * (q + rng.uniform(1, 9)),
                        rng.uniform(0.7, 1.3),
                    )
                )
        behind = side.pavement_start + side.pavement
        if side.yard > 1.5 and rng.random() < 0.5:
            plants.append(
                bush(s0 + rng.uniform(0, CELL_M), sign * (behind + rng.uniform(0.9, 2.0)))
            )
        if side.yard > 3.0 and rng.random() < 0.35:
            plants.append(
                tree(
                    s0 + rng.uniform(0, CELL_M),
                    sign * (behind + rng.uniform(1.5, 3.0)),
                    rng.uniform(0.4, 0.9),
                )
            )
        if street.setting in ("rural", "works"):
            for _ in range(2):
                if rng.random() < 0.6:
                    plants.append(
                        tree(
                            s0 + rng.uniform(0, CELL_M),
                            sign * (side.building_line + rng.uniform(9, 22)),
                            rng.uniform(0.9, 1.6),
                        )
                    )
    return plants
