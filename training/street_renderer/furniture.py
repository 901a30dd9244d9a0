# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Lamp posts, traffic lights, bollards and signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .camera import Array
from .canvas import Stage
from .classes import POLE, SIGN
from .noise import stream
from .street import BLOCK_M, Street
from .weather import Colour, Weather, jittered, scaled

CELL_M = 12.0
_POST = 60

_SYMBOL_COLOURS: list[tuple[Colour, Colour]] = [
    ((40, 35, 200), (245, 245, 245)),
    ((190, 90, 30), (245, 245, 245)),
    ((40, 200, 240), (40, 40, 40)),
    ((80, 130, 30), (245, 245, 245)),
    ((240, 240, 240), (50, 50, 50)),
]


@dataclass(frozen=True)
class Post:
    """An upright post at (s, q), metres; kind lamp, light (traffic), sign or bollard."""

    s: float
    q: float
    kind: str
    height: float
    thickness: float
    colour: Colour
    shape: int
    faces: tuple[Colour, Colour]
    size: float

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s

    def cast_shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        half = self.thickness / 2
        return [
            np.array(
                [
                    [self.s, self.q - half],
                    [self.s, self.q + half],
                    [self.s + dz * self.height, self.q + dx * self.height + half],
                    [self.s + dz * self.height, self.q + dx * self.height - half],
                ]
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        foot = stage.upright(self.s, self.q)
        if foot is None:
            return
        u, v, scale, depth = foot
        half = max(self.thickness / 2 * scale, 0.45)

        def metres(points: Array) -> Array:
            placed: Array = np.array([u, v]) + points * np.array([scale, -scale])
            return placed

        def bar(x0: float, y0: float, x1: float, y1: float, colour: Colour, class_id: int) -> None:
            stage.flat(
                metres(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])), colour, class_id, depth
            )

        stage.flat(
            np.array(
                [
                    [u - half, v],
                    [u - half, v - self.height * scale],
                    [u + half, v - self.height * scale],
                    [u + half, v],
                ]
            ),
            self.colour,
            POLE,
            depth,
        )
        if half > 1.5:
            stage.flat(
                np.array(
                    [
                        [u - half, v],
                        [u - half, v - self.height * scale],
                        [u - half / 3, v - self.height * scale],
                        [u - half / 3, v],
                    ]
                ),
                scaled(self.colour, 1.3),
                POLE,
                depth,
            )
        inward = -math.copysign(1.0, self.q)
        if self.kind == "lamp":
            arm = inward * self.size * 2.2
            thick = max(0.05, 0.5 / scale)
            bar(0.0, self.height - thick, arm, self.height + thick, self.colour, POLE)
            lamp: Colour = (170, 225, 250) if stage.weather.lamps_on else scaled(self.colour, 0.8)
            bar(arm * 0.7, self.height - 0.16, arm * 1.15, self.height, lamp, POLE)
        elif self.kind == "light":
            x, y = inward * 0.25, self.height - 1.05
            bar(x - 0.17, y, x + 0.17, y + 1.0, (35, 35, 35), SIGN)
            lit = int(stage.t / 6.0 + self.shape) % 2
            lamps: list[Colour] = [
                (60, 60, 230) if lit else (25, 25, 70),
                (25, 60, 70),
                (25, 70, 25) if lit else (140, 230, 70),
            ]
            for i, colour in enumerate(lamps):
                ring = _disc(0.11) + np.array([x, y + 0.82 - 0.32 * i])
                stage.flat(metres(ring), colour, SIGN, depth)
        elif self.kind == "sign":
            base = self.height - self.size * 0.5
            outline = _outline(self.shape, self.size) + np.array([0.0, base])
            inner = _outline(self.shape, self.size * 0.76) + np.array([0.0, base])
            edge, middle = self.faces
            stage.flat(metres(outline), edge, SIGN, depth)
            if scale * self.size > 5:
                stage.flat(metres(inner), middle, SIGN, depth)
                mark = self.size * 0.18
                bar(-mark, base - mark * 0.5, mark, base + mark * 0.5, edge, SIGN)
        if self.kind == "bollard" and scale > 12:
            stage.flat(
                metres(
                    np.array(
                        [
                            [-self.thickness / 2, 0.65],
                            [self.thickness / 2, 0.65],
                            [self.thickness / 2, 0.8],
                            [-self.thickness / 2, 0.8],
                        ]
                    )
                ),
                (225, 225, 225),
                POLE,
                depth,
            )


def _disc(radius: float, corners: int = 14, start: float = 0.0) -> Array:
    turn = np.linspace(0, 2 * math.pi, corners, endpoint=False) + start
    return radius * np.stack([np.cos(turn), np.sin(turn)], -1)


def _outline(shape: int, size: float) -> Array:
    if shape == 0:
        return _disc(size / 2, 18)
    if shape == 1:
        return _disc(size * 0.6, 3, math.pi / 2)
    if shape == 2:
        return _disc(size * 0.52, 8, math.pi / 8)
    if shape == 3:
        return np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * size
    return np.array([[-0.9, -0.3], [0.9, -0.3], [0.9, 0.3], [-0.9, 0.3]]) * size


def posts_of(street: Street, cell: int) -> list[Post]:
    """Return posts of one cell of CELL_M, both sides."""
    rng = stream(street.seed, _POST, cell)
    habit = stream(street.seed, _POST, -1_000_000)
    lamp_side = int(habit.choice([-1, 1]))
    lamp_every = int(habit.integers(2, 4))
    lamp_height, lamp_arm = float(habit.uniform(4.5, 9.0)), float(habit.uniform(0.3, 0.8))
    steel = jittered((110.0, 112.0, 112.0), 40.0, habit)
    bollards = habit.random() < 0.25
    posts: list[Post] = []

    def post(s: float, q: float, kind: str, height: float, thickness: float, size: float) -> None:
        faces = _SYMBOL_COLOURS[int(rng.integers(len(_SYMBOL_COLOURS)))]
        posts.append(
            Post(
                s,
                q,
                kind,
                height,
                thickness,
                jittered(steel, 14.0, rng),
                int(rng.integers(5)),
                faces,
                size,
            )
        )

    for sign in (-1, 1):
        kerb = sign * (street.side(sign).edge + 0.5)
        s0 = cell * CELL_M
        if (sign == lamp_side or street.own_lanes > 1) and cell % lamp_every == 0:
            post(s0 + 5.0, kerb, "lamp", lamp_height, 0.16, lamp_arm)
        if rng.random() < 0.4:
            post(
                s0 + float(rng.uniform(0, CELL_M)),
                kerb + sign * float(rng.uniform(0, 0.4)),
                "sign",
                float(rng.uniform(2.2, 3.0)),
                0.07,
                float(rng.uniform(0.5, 0.95)),
            )
        if bollards and rng.random() < 0.5:
            for i in range(4):
                post(s0 + i * 2.0, kerb, "bollard", 0.95, 0.13, 0.0)
    for block in range(int(cell * CELL_M // BLOCK_M), int((cell + 1) * CELL_M // BLOCK_M) + 1):
        s = street.zebra_at(block) - 2.4
        if street.has_zebra(block) and cell * CELL_M <= s < (cell + 1) * CELL_M:
            for sign in (-1, 1):
                post(s, sign * (street.side(sign).edge + 0.45), "light", 3.1, 0.11, 0.0)
    return posts
