# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""People on foot and on bicycles, drawn as jointed flat figures that turn to the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .camera import Array
from .canvas import Stage
from .classes import PERSON, RIDER
from .noise import stream
from .street import BLOCK_M, Street
from .weather import Colour, Weather, jittered, scaled

_WALKER, _CROSSING, _CYCLIST = 80, 81, 82

_SKINS: list[Colour] = [(150, 180, 225), (110, 145, 195), (70, 100, 150), (45, 65, 100)]
_CLOTHES: list[Colour] = [
    (35, 32, 30),
    (90, 60, 45),
    (60, 60, 60),
    (200, 200, 205),
    (45, 40, 165),
    (150, 110, 60),
    (70, 120, 80),
    (60, 150, 200),
    (120, 80, 140),
    (90, 100, 120),
    (235, 235, 235),
    (40, 60, 110),
    (30, 200, 220),
]


_TURN = np.linspace(0, 2 * math.pi, 11)
_CIRCLE = np.stack([np.cos(_TURN[:-1]), np.sin(_TURN[:-1])], -1)


def _limb(x0: float, y0: float, x1: float, y1: float, w0: float, w1: float) -> Array:
    """Return a tapered limb between two joints, metres."""
    length = max(math.hypot(x1 - x0, y1 - y0), 1e-6)
    nx, ny = -(y1 - y0) / length, (x1 - x0) / length
    ex, ey = (x1 - x0) / length * w1 * 0.5, (y1 - y0) / length * w1 * 0.5
    return np.array(
        [
            [x0 + nx * w0, y0 + ny * w0],
            [x1 + nx * w1, y1 + ny * w1],
            [x1 + ex, y1 + ey],
            [x1 - nx * w1, y1 - ny * w1],
            [x0 - nx * w0, y0 - ny * w0],
        ]
    )


def _oval(x: float, y: float, rx: float, ry: float) -> Array:
    outline: Array = _CIRCLE * np.array([rx, ry]) + np.array([x, y])
    return outline


@dataclass(frozen=True)
class Person:
    """Somebody standing at (s, q); sideways: seen in profile, +1 or -1, or 0 from front or back.

    stride: phase of the walk in radians; riding: sits on a bicycle (class rider).
    """

    s: float
    q: float
    height: float
    girth: float
    sideways: int
    stride: float
    walking: bool
    riding: bool
    skin: Colour
    top: Colour
    bottom: Colour
    hair: Colour
    outfit: int

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s

    def cast_shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        foot = np.array([self.s, self.q])
        along = np.array([dz, dx]) / max(math.hypot(dx, dz), 1e-6)
        side = np.array([-along[1], along[0]])
        tip = foot + np.array([dz, dx]) * self.height
        middle = foot + np.array([dz, dx]) * self.height * 0.7
        return [
            np.stack(
                [
                    foot - side * 0.12,
                    foot + side * 0.12,
                    middle + side * 0.25,
                    tip + side * 0.1,
                    tip - side * 0.1,
                    middle - side * 0.25,
                ]
            )
        ]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        foot = stage.upright(self.s, self.q)
        if foot is None or foot[2] * self.height < 3.0:
            return
        u, v, scale, depth = foot
        class_id = RIDER if self.riding else PERSON
        if scale * self.height < 14.0:
            parts = _from_afar(self)
        else:
            parts = _cyclist(self) if self.riding else _walker(self)
        origin, unit = np.array([u, v]), np.array([scale, -scale])
        light = stage.weather.facing(0.0, -1.0)
        drawn = [(origin + outline * unit, scaled(colour, light)) for outline, colour in parts]
        stage.group(drawn, class_id, project=False, depth=depth)


Part = tuple[Array, Colour]


def _torso(p: Person, x: float, hip: float, shoulder: float, lean: float) -> list[Part]:
    k = p.height / 1.75
    width = 0.21 * p.girth * k * (0.72 if p.sideways else 1.0)
    outline = np.array(
        [
            [x - width * 0.85, hip],
            [x + lean - width, shoulder - 0.06],
            [x + lean - width * 0.6, shoulder],
            [x + lean + width * 0.6, shoulder],
            [x + lean + width, shoulder - 0.06],
            [x + width * 0.85, hip],
        ]
    )
    parts: list[Part] = [(outline, p.top)]
    shaded = outline.copy()
    shaded[:3, 0] = shaded[3:, 0][::-1] - (shaded[3:, 0][::-1] - shaded[:3, 0]) * 0.35
    parts.append((shaded, scaled(p.top, 0.78)))
    if p.outfit == 1:
        for i in range(3):
            y = hip + (shoulder - hip) * (0.25 + 0.25 * i)
            w = width * 0.9
            c = x + lean * (y - hip) / max(shoulder - hip, 1e-6)
            parts.append(
                (
                    np.array([[c - w, y], [c + w, y], [c + w, y + 0.05], [c - w, y + 0.05]]),
                    scaled(p.top, 0.55),
                )
            )
    if p.outfit == 2:
        w = width * 0.75
        bag = np.array(
            [
                [x - w, hip + 0.12],
                [x + lean - w, shoulder - 0.05],
                [x + lean + w, shoulder - 0.05],
                [x + w, hip + 0.12],
            ]
        )
        parts.append((bag + np.array([-0.18 * p.sideways, 0.0]), scaled(p.bottom, 1.3)))
    return parts


def _head(p: Person, x: float, shoulder: float) -> list[Part]:
    k = p.height / 1.75
    y = shoulder + 0.17 * k
    parts: list[Part] = [
        (_limb(x, shoulder - 0.03, x, y, 0.055 * k, 0.05 * k), scaled(p.skin, 0.8)),
        (_oval(x, y, 0.088 * k, 0.12 * k), p.skin),
        (_oval(x - 0.015 * p.sideways, y + 0.045 * k, 0.095 * k, 0.085 * k), p.hair),
    ]
    return parts


def _from_afar(p: Person) -> list[Part]:
    """Somebody so small that legs, body and head are all there is to see."""
    tall, w = p.height, 0.22 * p.girth
    return [
        (
            np.array(
                [[-w * 0.7, 0.0], [-w * 0.7, 0.52 * tall], [w * 0.7, 0.52 * tall], [w * 0.7, 0.0]]
            ),
            p.bottom,
        ),
        (
            np.array([[-w, 0.48 * tall], [-w, 0.82 * tall], [w, 0.82 * tall], [w, 0.48 * tall]]),
            p.top,
        ),
        (_oval(0.0, 0.92 * tall, 0.1, 0.13), scaled(p.skin, 0.8)),
    ]


def _walker(p: Person) -> list[Part]:
    k = p.height / 1.75
    hip, shoulder = 0.88 * k, 1.43 * k
    swing = math.sin(p.stride) if p.walking else 0.12
    reach = 0.34 * k * (1.0 if p.sideways else 0.22)
    parts: list[Part] = []
    side = 0.0 if p.sideways else 0.095 * p.girth * k
    thigh, calf = 0.095 * p.girth * k, 0.055 * k
    for leg, shade in ((-1.0, 0.72), (1.0, 1.0)):
        step = leg * swing * reach
        lift = max(0.0, -leg * math.cos(p.stride)) * 0.09 * k if p.walking else 0.0
        colour = scaled(p.bottom, shade)
        foot_x, foot_y = leg * side + step, 0.05 + lift
        knee_x, knee_y = leg * side + step * 0.55 + 0.05 * p.sideways, 0.47 * k + lift * 0.6
        parts.append((_limb(leg * side, hip, knee_x, knee_y, thigh, thigh * 0.75), colour))
        parts.append((_limb(knee_x, knee_y, foot_x, foot_y, thigh * 0.75, calf), colour))
        toe = 0.15 * p.sideways * k if p.sideways else 0.0
        parts.append(
            (
                np.array(
                    [
                        [foot_x - 0.06, foot_y - 0.05],
                        [foot_x - 0.06, foot_y + 0.04],
                        [foot_x + 0.06 + toe * 0.4, foot_y + 0.03],
                        [foot_x + 0.06 + toe, foot_y - 0.05],
                    ]
                ),
                (35.0, 35.0, 38.0),
            )
        )
    if p.outfit == 3:
        w = 0.2 * p.girth * k
        parts.append(
            (
                np.array(
                    [[-w, hip + 0.08], [w, hip + 0.08], [w * 1.5, 0.45 * k], [-w * 1.5, 0.45 * k]]
                ),
                p.top,
            )
        )

    def arm(sign: float, shade: float) -> None:
        x = sign * 0.0 if p.sideways else sign * 0.22 * p.girth * k
        hand_x = x - sign * swing * reach * 0.8 + (0.0 if p.sideways else sign * 0.04)
        colour = scaled(p.top, shade)
        parts.append(
            (_limb(x, shoulder - 0.07, (x + hand_x) / 2, 1.1 * k, 0.06 * k, 0.05 * k), colour)
        )
        parts.append(
            (_limb((x + hand_x) / 2, 1.1 * k, hand_x, 0.85 * k, 0.05 * k, 0.04 * k), colour)
        )
        parts.append((_oval(hand_x, 0.82 * k, 0.045 * k, 0.055 * k), p.skin))

    arm(-1.0, 0.7)
    parts += _torso(p, 0.0, hip, shoulder, 0.04 * p.sideways)
    arm(1.0, 0.9)
    parts += _head(p, 0.05 * p.sideways, shoulder)
    if p.outfit == 4:
        parts.append(
            (
                np.array([[0.2, 0.35 * k], [0.2, 0.75 * k], [0.45, 0.75 * k], [0.45, 0.35 * k]]),
                scaled(p.bottom, 1.5),
            )
        )
    return parts


def _ring(x: float, y: float, rx: float, ry: float, thick: float) -> list[Part]:
    """Return a wheel as short tyre pieces, so that what is behind shows through its middle."""
    rim = np.stack([np.cos(_TURN), np.sin(_TURN)], -1)
    outer = rim * np.array([rx, ry]) + np.array([x, y])
    inner = rim * np.array([rx - thick, ry - thick]) + np.array([x, y])
    dark: Colour = (28, 28, 28)
    return [(np.array([outer[i], outer[i + 1], inner[i + 1], inner[i]]), dark) for i in range(10)]


def _cyclist(p: Person) -> list[Part]:
    k = p.height / 1.75
    pedal = p.stride
    parts: list[Part] = []
    frame = scaled(p.bottom, 0.6) if p.outfit % 2 else (60.0, 50.0, 150.0)
    if p.sideways:
        d = float(p.sideways)
        parts += _ring(-0.52, 0.34, 0.34, 0.34, 0.05) + _ring(0.52, 0.34, 0.34, 0.34, 0.05)
        for x0, y0, x1, y1 in (
            (-0.52, 0.34, -0.05, 0.3),
            (-0.05, 0.3, -0.2, 0.85),
            (-0.2, 0.8, 0.38, 0.82),
            (-0.05, 0.3, 0.38, 0.82),
            (0.38, 0.95, 0.52, 0.34),
            (-0.52, 0.34, -0.18, 0.75),
        ):
            parts.append((_limb(d * x0, y0, d * x1, y1, 0.022, 0.022), frame))
        hip_x, hip = -0.2 * d, 0.95
        shoulder_x, shoulder = 0.12 * d, 1.43 * k + 0.05
        for leg, shade in ((math.pi, 0.72), (0.0, 1.0)):
            fx = -0.05 * d + 0.16 * math.cos(pedal + leg) * d
            fy = 0.3 - 0.16 * math.sin(pedal + leg)
            knee_x, knee_y = (hip_x + fx) / 2 + 0.2 * d, (hip + fy) / 2 + 0.08
            colour = scaled(p.bottom, shade)
            parts.append((_limb(hip_x, hip, knee_x, knee_y, 0.1, 0.07), colour))
            parts.append((_limb(knee_x, knee_y, fx, fy, 0.07, 0.05), colour))
        parts += _torso(p, hip_x, hip - 0.05, shoulder, shoulder_x - hip_x)
        parts.append((_limb(shoulder_x, shoulder - 0.06, 0.36 * d, 0.98, 0.055, 0.045), p.top))
        parts += _head(p, shoulder_x + 0.06 * d, shoulder)
        return parts
    parts.append((_limb(0.0, 0.02, 0.0, 0.68, 0.035, 0.03), (28.0, 28.0, 28.0)))
    for leg in (-1.0, 1.0):
        lift = 0.16 * leg * math.sin(pedal)
        parts.append((_limb(leg * 0.09, 0.95, leg * 0.13, 0.55 + lift, 0.095, 0.07), p.bottom))
        parts.append(
            (
                _limb(leg * 0.13, 0.55 + lift, leg * 0.1, 0.2 + lift, 0.07, 0.05),
                scaled(p.bottom, 0.85),
            )
        )
    parts += _torso(p, 0.0, 0.88, 1.43 * k + 0.05, 0.0)
    for sign in (-1.0, 1.0):
        parts.append(
            (_limb(sign * 0.2, 1.38 * k, sign * 0.28, 1.02, 0.06, 0.045), scaled(p.top, 0.85))
        )
    parts.append((_limb(-0.3, 1.0, 0.3, 1.0, 0.02, 0.02), (40.0, 40.0, 40.0)))
    parts += _head(p, 0.0, 1.43 * k + 0.05)
    return parts


def _somebody(
    rng: np.random.Generator,
    s: float,
    q: float,
    sideways: int,
    stride: float,
    walking: bool,
    riding: bool,
) -> Person:
    top = _CLOTHES[int(rng.integers(len(_CLOTHES)))]
    bottom = _CLOTHES[int(rng.integers(8))]
    child = not riding and rng.random() < 0.1
    hairs: list[Colour] = [
        (25, 28, 32),
        (35, 60, 95),
        (90, 150, 190),
        (140, 140, 145),
        (40, 40, 160),
    ]
    return Person(
        s,
        q,
        float(rng.uniform(1.1, 1.45)) if child else float(rng.uniform(1.55, 1.92)),
        float(rng.uniform(0.8, 1.3)),
        sideways,
        stride,
        walking,
        riding,
        _SKINS[int(rng.integers(4))],
        jittered(top, 14, rng),
        jittered(bottom, 14, rng),
        hairs[int(rng.integers(5))],
        int(rng.integers(6)),
    )


def people_near(street: Street, t: float, camera_s: float) -> list[Person]:
    """Everybody within sight at time t: on the pavements, at crossings, on bicycles."""
    people: list[Person] = []
    crowd = {"city": 0.6, "suburb": 0.35, "works": 0.2, "rural": 0.12}[street.setting] * (
        0.4 + street.busy
    )

    def flow(
        purpose: int,
        velocity: float,
        spacing: float,
        share: float,
        riding: bool,
        low: float,
        high: float,
    ) -> None:
        shift = velocity * t
        first = math.floor((camera_s - 4.0 - shift) / spacing)
        for i in range(first, math.ceil((camera_s + 60.0 - shift) / spacing)):
            rng = stream(street.seed, _WALKER * 10 + purpose, i)
            if rng.random() < share:
                s = i * spacing + shift + float(rng.uniform(0, spacing - 1.0))
                q = float(rng.uniform(low, high))
                step = t * (7.0 if riding else 6.2) + float(rng.uniform(0, 6))
                side = int(rng.choice([-1, 1])) if velocity == 0.0 and rng.random() < 0.4 else 0
                people.append(_somebody(rng, s, q, side, step, velocity != 0.0, riding))

    for sign in (-1, 1):
        side = street.side(sign)
        if side.pavement > 0.5:
            low, high = sorted(
                (
                    sign * (side.pavement_start + 0.35),
                    sign * (side.pavement_start + side.pavement - 0.35),
                )
            )
            base = 1 if sign > 0 else 4
            flow(base, 1.3, 9.0, crowd, False, low, high)
            flow(base + 1, -1.2, 9.0, crowd, False, low, high)
            flow(base + 2, 0.0, 13.0, crowd * 0.8, False, low, high)
        if sign > 0 or street.oncoming_lanes:
            lane_edge = sign * (side.edge - side.parking - 0.75)
            flow(
                7 if sign > 0 else 8,
                sign * 4.2,
                24.0,
                0.5 * crowd + 0.1,
                True,
                lane_edge - 0.2,
                lane_edge + 0.2,
            )
    people += _crossing(street, t, camera_s, crowd)
    # Nobody steps in front of a bumper: whoever is nearer would have stopped the car.
    return [p for p in people if p.s - camera_s > (3.5 if abs(p.q) < street.right.edge else 1.5)]


def _crossing(street: Street, t: float, camera_s: float, crowd: float) -> list[Person]:
    """People walking over the road, on zebra crossings and elsewhere, and bicycles across."""
    people: list[Person] = []
    for block in range(int(camera_s // BLOCK_M), int((camera_s + 70.0) // BLOCK_M) + 1):
        rng = stream(street.seed, _CROSSING, block)
        span = street.left.edge + street.right.edge + 3.0
        count = (
            int(rng.integers(1, 4)) if street.has_zebra(block) else int(rng.random() < crowd * 0.7)
        )
        for _ in range(count):
            rides = bool(rng.random() < 0.25)
            speed = 3.2 if rides else float(rng.uniform(1.0, 1.5))
            start = float(rng.uniform(0, 2 * span))
            place = (start + speed * t) % (2 * span)
            forth = place < span
            q = -street.left.edge - 1.5 + (place if forth else 2 * span - place)
            s = (
                street.zebra_at(block)
                if street.has_zebra(block)
                else block * BLOCK_M + rng.uniform(9, 40)
            )
            people.append(
                _somebody(
                    rng,
                    float(s + rng.uniform(-1.2, 1.2)),
                    q,
                    1 if forth else -1,
                    t * (7.0 if rides else 6.2) + start,
                    True,
                    rides,
                )
            )
    return people
