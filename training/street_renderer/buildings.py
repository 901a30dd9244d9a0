# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Façades, their gables and roofs, and the walls, fences and hedges between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from .camera import NEAR_M, Array
from .canvas import Bytes, Stage
from .classes import BUILDING, VEGETATION, WALL_FENCE
from .noise import crop, fractal_noise, stream, value_noise
from .street import BLOCK_M, Street
from .weather import Colour, Weather, jittered, scaled

_FACADE, _BOUNDARY = 40, 41
_CUT_M = NEAR_M + 0.4

_WALLS: dict[str, list[Colour]] = {
    "plaster": [
        (205, 222, 232),
        (170, 205, 225),
        (215, 215, 215),
        (150, 185, 215),
        (190, 200, 180),
        (160, 175, 200),
        (200, 190, 175),
        (130, 150, 200),
    ],
    "brick": [(62, 78, 140), (70, 95, 150), (84, 104, 128), (60, 66, 110), (120, 150, 175)],
    "concrete": [(150, 152, 155), (120, 124, 126), (175, 178, 180)],
    "panel": [(150, 130, 110), (95, 90, 85), (185, 190, 195), (110, 140, 120)],
}


def _plane_corners(stage: Stage, s0: float, s1: float, q: float, low: float, high: float) -> Array:
    """Corners in camera space of a wall along the street: top s0, top s1, bottom s1, bottom s0."""
    s = np.array([s0, s1, s1, s0])
    y = np.array([high, high, low, low])
    return stage.camera.view(stage.street.world(s, y, np.full(4, q)))


@dataclass
class Building:
    """A house along the street from s to s + length (metres), its front at q."""

    s: float
    length: float
    q: float
    height: float
    material: str
    colour: Colour
    roof: Colour
    pitched: bool
    style: tuple[float, ...]
    seed: int
    textures: dict[int, Bytes] = field(default_factory=dict)

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s + self.length

    def shadow(self, weather: Weather) -> list[Array]:
        """Ground polygons (s, q) that the house keeps in shade."""
        dx, dz = weather.shadow_per_metre
        sign = math.copysign(1.0, self.q)
        if dx * sign >= 0:
            return []
        top_s, top_q = dz * self.height, dx * self.height
        back = self.q + sign * 8.0
        return [
            np.array(
                [
                    [self.s, back],
                    [self.s, self.q],
                    [self.s + top_s, self.q + top_q],
                    [self.far + top_s, self.q + top_q],
                    [self.far, self.q],
                    [self.far, back],
                ]
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        start = max(self.s, stage.camera.z + _CUT_M)
        if start >= self.far:
            return
        sign = math.copysign(1.0, self.q)
        self._gables(stage, sign)
        corners = _plane_corners(stage, start, self.far, self.q, 0.0, self.height)
        if corners[:, 2].min() < NEAR_M:
            return
        depth = float(corners[:, 2].min())
        per_m = 24 if depth < 14 else 14 if depth < 32 else 7
        if per_m not in self.textures:
            self.textures[per_m] = _facade(self, per_m, stage.weather)
        texture = self.textures[per_m]
        hidden = round((start - self.s) / self.length * texture.shape[1])
        shown = texture[:, min(hidden, texture.shape[1] - 2) :]
        factor = stage.weather.facing(-sign, 0.0)
        if sign > 0:
            stage.plane(
                np.ascontiguousarray(shown[:, ::-1]), corners[[1, 0, 3, 2]], factor, BUILDING
            )
        else:
            stage.plane(np.ascontiguousarray(shown), corners, factor, BUILDING)

    def _gables(self, stage: Stage, sign: float) -> None:
        """End wall and roof, seen past lower neighbours and across gaps."""
        deep = self.q + sign * 9.0
        ridge_q, ridge_y = self.q + sign * 4.5, self.height + (3.2 if self.pitched else 0.0)
        start = max(self.s, stage.camera.z + _CUT_M)
        if self.pitched:
            roof = stage.street.world(
                np.array([start, self.far, self.far, start]),
                np.array([self.height, self.height, ridge_y, ridge_y]),
                np.array([self.q, self.q, ridge_q, ridge_q]),
            )
            stage.face(stage.camera.view(roof), self.roof, BUILDING)
        if start == self.s:
            outline = [
                (0.0, self.q),
                (self.height, self.q),
                (ridge_y, ridge_q),
                (self.height, deep),
                (0.0, deep),
            ]
            wall = stage.street.world(
                np.full(5, self.s),
                np.array([y for y, _ in outline]),
                np.array([q for _, q in outline]),
            )
            shade = stage.weather.facing(0.0, -1.0) * 0.92
            stage.face(stage.camera.view(wall), scaled(self.colour, shade), BUILDING)


def _facade(building: Building, per_m: int, weather: Weather) -> Bytes:
    """Return the front of a building as a texture, uint8 [height * per_m, length * per_m, 3]."""
    rng = stream(building.seed, _FACADE, int(building.s * 7.0) + (3 if building.q > 0 else 0))
    h, w = max(int(building.height * per_m), 8), max(int(building.length * per_m), 8)
    soft = crop(fractal_noise(256, 128, 5), h, w, rng)
    gain = 0.86 + 0.28 * soft
    if per_m >= 14:
        gain = gain + (crop(value_noise(256, 1), h, w, rng) - 0.5) * 0.12
    if building.material == "brick" and per_m >= 14:
        course = max(per_m // 7, 2)
        gain[::course] *= 0.88
        gain *= 1.0 + 0.16 * (
            cv2.resize(
                crop(value_noise(256, 1, 1), h // course + 1, w // (2 * course) + 1, rng),
                (w, h),
                interpolation=cv2.INTER_NEAREST,
            )
            - 0.5
        )
    if building.material == "panel":
        gain[:: per_m * 3] *= 0.7
        gain[:, :: per_m * 2] *= 0.75
    # Rain and traffic leave the foot of a wall darker.
    gain *= (1.0 - 0.18 * np.linspace(0, 1, h) ** 4)[:, None]
    texture = np.clip(np.array(building.colour, np.float32) * gain[..., None], 0, 255).astype(
        np.uint8
    )
    _openings(texture, building, per_m, weather, rng)
    return texture


def _openings(
    texture: Bytes, building: Building, per_m: int, weather: Weather, rng: np.random.Generator
) -> None:
    storey, window_w, window_h, spacing, shop, frame_tone, lintel = building.style

    def box(left: float, low: float, right: float, high: float, colour: Colour) -> None:
        rows = texture.shape[0]
        texture[
            max(round(rows - high * per_m), 0) : max(round(rows - low * per_m), 0),
            max(round(left * per_m), 0) : max(round(right * per_m), 0),
        ] = np.array(colour)

    frame: Colour = (frame_tone, frame_tone, frame_tone)
    floors = max(int(building.height / storey), 1)
    columns = max(int((building.length - 0.6) / spacing), 1)
    margin = (building.length - columns * spacing) / 2
    door = int(rng.integers(columns))
    trim = scaled(building.colour, 0.72)
    for floor in range(floors):
        base = floor * storey
        if floor == 0 and shop > 0.5:
            blue, green, red = (float(c) for c in rng.uniform(40.0, 190.0, 3))
            fascia: Colour = (blue, green, red)
            box(0.3, 0.15, building.length - 0.3, storey - 0.35, scaled(trim, 0.6))
            for i in range(columns):
                left = margin + i * spacing
                glow = (110.0, 150.0, 185.0) if rng.random() < 0.3 else (78.0, 70.0, 62.0)
                pane = jittered(glow, 22.0, rng)
                box(left + 0.12, 0.5, left + spacing - 0.12, storey - 0.9, pane)
                box(left + 0.12, 0.5, left + spacing * 0.6, storey * 0.4, jittered(pane, 30.0, rng))
            box(0.2, storey - 0.85, building.length - 0.2, storey - 0.25, fascia)
            if rng.random() < 0.4:
                box(
                    0.2,
                    storey - 1.15,
                    building.length - 0.2,
                    storey - 0.8,
                    jittered(fascia, 60, rng),
                )
            continue
        if lintel > 0.6:
            box(0.0, base - 0.08, building.length, base + 0.12, trim)
        for i in range(columns):
            centre = margin + (i + 0.5) * spacing
            if floor == 0 and i == door:
                box(centre - 0.6, 0.0, centre + 0.6, 2.35, frame)
                box(centre - 0.48, 0.0, centre + 0.48, 2.2, jittered((55.0, 60.0, 80.0), 45.0, rng))
                continue
            if rng.random() < 0.06:
                continue
            low = base + 0.85
            left, right, high = centre - window_w / 2, centre + window_w / 2, low + window_h
            if lintel > 0.3:
                box(left - 0.12, low - 0.15, right + 0.12, low, scaled(building.colour, 1.18))
            box(left - 0.08, low, right + 0.08, high + 0.08, frame)
            lit = weather.lamps_on and rng.random() < 0.35
            glass = jittered((120.0, 200.0, 240.0) if lit else (84.0, 74.0, 64.0), 20.0, rng)
            box(left, low + 0.05, right, high, glass)
            sheen = scaled(glass, 1.35)
            box(left, low + window_h * float(rng.uniform(0.35, 0.8)), right, high, sheen)
            if rng.random() < 0.3:
                curtain = jittered((190.0, 200.0, 205.0), 25.0, rng)
                box(left, low + 0.05, left + window_w * 0.3, high, curtain)
            box(centre - 0.03, low, centre + 0.03, high, frame)


@dataclass
class Boundary:
    """A wall, fence or hedge along the street from s to s + length at q."""

    s: float
    length: float
    q: float
    height: float
    kind: str
    colour: Colour
    seed: int
    texture: list[Bytes] = field(default_factory=list)

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s + self.length

    def shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        if self.kind == "rails":
            return []
        return [
            np.array(
                [
                    [self.s, self.q],
                    [self.far, self.q],
                    [self.far + dz * self.height, self.q + dx * self.height],
                    [self.s + dz * self.height, self.q + dx * self.height],
                ]
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        start = max(self.s, stage.camera.z + _CUT_M)
        if start >= self.far - 0.1:
            return
        factor = stage.weather.facing(-math.copysign(1.0, self.q), 0.0)
        if self.kind == "rails":
            self._rails(stage, start)
            return
        if not self.texture:
            self.texture.append(_boundary_texture(self))
        texture = self.texture[0]
        corners = _plane_corners(stage, start, self.far, self.q, 0.0, self.height)
        if corners[:, 2].min() < NEAR_M:
            return
        hidden = round((start - self.s) / self.length * texture.shape[1])
        shown = np.ascontiguousarray(texture[:, min(hidden, texture.shape[1] - 2) :])
        class_id = VEGETATION if self.kind == "hedge" else WALL_FENCE
        order = [0, 1, 2, 3]
        if self.q > 0:
            shown, order = np.ascontiguousarray(shown[:, ::-1]), [1, 0, 3, 2]
        if start == self.s:
            thick = 0.9 if self.kind == "hedge" else 0.25
            side = self.q + math.copysign(thick, self.q)
            end = stage.street.world(
                np.full(4, self.s),
                np.array([0.0, self.height, self.height, 0.0]),
                np.array([self.q, self.q, side, side]),
            )
            stage.face(stage.camera.view(end), scaled(self.colour, 0.8), class_id)
        stage.plane(shown, corners[order], factor, class_id)

    def _rails(self, stage: Stage, start: float) -> None:
        """Draw an iron railing: between its bars the background stays visible."""
        for y0, y1 in ((0.12, 0.2), (self.height - 0.08, self.height)):
            stage.face(
                _plane_corners(stage, start, self.far, self.q, y0, y1), self.colour, WALL_FENCE
            )
        gap = 0.3 if start - stage.camera.z < 12 else 0.9
        for s in np.arange(math.ceil(start / gap) * gap, min(self.far, stage.camera.z + 30), gap):
            bar = _plane_corners(stage, float(s), float(s) + 0.04, self.q, 0.0, self.height)
            stage.face(bar, self.colour, WALL_FENCE)


def _boundary_texture(boundary: Boundary) -> Bytes:
    rng = stream(boundary.seed, _BOUNDARY, int(boundary.s * 7.0) + (3 if boundary.q > 0 else 0))
    per_m = 20
    h, w = int(boundary.height * per_m), max(int(boundary.length * per_m), 8)
    gain = 0.85 + 0.3 * crop(fractal_noise(256, 64, 5), h, w, rng)
    if boundary.kind == "hedge":
        gain = 0.45 + 1.0 * crop(fractal_noise(256, 16, 6), h, w, rng)
        gain *= np.linspace(1.15, 0.7, h)[:, None].astype(np.float32)
    elif boundary.kind == "planks":
        planks = np.repeat(rng.uniform(0.82, 1.12, w // 3 + 1), 3)[:w]
        gain = gain * planks[None].astype(np.float32)
        gain[:, ::3] *= 0.7
        gain[[h // 5, h // 5 + 1, 4 * h // 5, 4 * h // 5 + 1]] *= 0.85
    elif rng.random() < 0.5:
        gain[::5] *= 0.82
        gain[:, :: per_m * 2] *= 0.85
    else:
        gain[:3] *= 1.2
        gain[3:5] *= 0.7
    texture = np.array(boundary.colour, np.float32) * gain[..., None].astype(np.float32)
    return np.clip(texture, 0, 255).astype(np.uint8)


def buildings_of(street: Street, block: int, sign: int) -> list[Building]:
    """Return the houses of one block on one side."""
    rng = stream(street.seed, _FACADE, block * 2 + (sign > 0))
    side = street.side(sign)
    share = {"city": 0.95, "suburb": 0.85, "works": 0.6, "rural": 0.18}[street.setting]
    joint = street.junction(block)
    s = joint[1] + 1.5 if joint else block * BLOCK_M
    end = (block + 1) * BLOCK_M
    houses: list[Building] = []
    while end - s > 5.0:
        length = float(rng.uniform(7.0, 20.0 if street.setting != "suburb" else 13.0))
        length = min(length, end - s)
        if end - s - length < 5.0:
            length = end - s
        gap = (
            0.0 if street.setting == "city" and rng.random() < 0.85 else float(rng.uniform(1.5, 7))
        )
        if rng.random() < share and length - gap > 4.0:
            kinds = {
                "city": ["plaster", "plaster", "brick", "concrete", "panel"],
                "suburb": ["plaster", "plaster", "brick"],
                "works": ["panel", "concrete", "brick"],
                "rural": ["plaster", "brick"],
            }[street.setting]
            material = str(rng.choice(kinds))
            storey = float(rng.uniform(2.8, 3.6))
            floors = int(
                rng.integers(
                    *{"city": (3, 8), "suburb": (1, 4), "works": (1, 4), "rural": (1, 3)}[
                        street.setting
                    ]
                )
            )
            walls = _WALLS[material]
            houses.append(
                Building(
                    s=s,
                    length=length - gap,
                    q=sign * (side.building_line + float(rng.uniform(0, 0.25 + 0.3 * side.yard))),
                    height=storey * floors + float(rng.uniform(0.4, 1.2)),
                    material=material,
                    colour=jittered(walls[int(rng.integers(len(walls)))], 16.0, rng),
                    roof=jittered(
                        (70.0, 78.0, 120.0) if rng.random() < 0.6 else (80.0, 80.0, 80.0), 15, rng
                    ),
                    pitched=street.setting in ("suburb", "rural") or bool(rng.random() < 0.25),
                    style=(
                        storey,
                        float(rng.uniform(0.8, 1.8)),
                        float(rng.uniform(1.1, 1.7)),
                        float(rng.uniform(2.1, 3.4)),
                        float(rng.random() + (0.15 if street.setting == "city" else -0.4)),
                        float(rng.choice([60.0, 205.0, 225.0, 130.0])),
                        float(rng.random()),
                    ),
                    seed=street.seed,
                )
            )
        s += length
    return houses


def boundaries_of(street: Street, block: int, sign: int, season: str) -> list[Boundary]:
    """Walls, fences and hedges of one block on one side, in pieces of 8 m."""
    side = street.side(sign)
    if side.boundary == "none" or side.yard < 1.0:
        return []
    rng = stream(street.seed, _BOUNDARY, block * 2 + (sign > 0))
    joint = street.junction(block)
    start = joint[1] + 1.5 if joint else block * BLOCK_M
    habit = stream(street.seed, _BOUNDARY, -1_000_000 + sign)
    fence = str(habit.choice(["planks", "rails"]))
    wood: list[Colour] = [(70, 95, 125), (120, 130, 140), (55, 70, 95), (210, 215, 215)]
    stone: list[Colour] = [(140, 150, 158), (90, 110, 150), (180, 190, 198), (110, 115, 118)]
    iron: list[Colour] = [(45, 45, 45), (60, 80, 50), (120, 120, 120)]
    hedge: Colour = (38.0, 84.0, 58.0) if season != "winter" else (52.0, 72.0, 70.0)
    height = float(habit.uniform(0.8, 2.1))
    kind = {"wall": "wall", "hedge": "hedge", "fence": fence}[side.boundary]
    palette = {"wall": stone, "hedge": [hedge], "planks": wood, "rails": iron}[kind]
    colour = palette[int(habit.integers(len(palette)))]
    q = sign * (side.pavement_start + side.pavement + 0.25)
    pieces: list[Boundary] = []
    s = start
    while s < (block + 1) * BLOCK_M - 1.0:
        length = min(8.0, (block + 1) * BLOCK_M - s)
        if rng.random() < 0.88:
            opening = 1.4 if rng.random() < 0.2 else 0.0
            pieces.append(
                Boundary(
                    s, length - opening, q, height, kind, jittered(colour, 6.0, rng), street.seed
                )
            )
        s += length
    return pieces
