# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cars, vans, buses and lorries: extruded side profiles, parked and moving."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from .camera import NEAR_M, Array
from .canvas import Stage
from .classes import CAR
from .noise import stream
from .street import BLOCK_M, Street
from .weather import Colour, Weather, jittered, mixed, scaled

SLOT_M = 6.0
_BODY, _PARKED, _MOVING, _WAITING = 70, 71, 72, 73

# Side profiles from the rear bumper over the roof to the front bumper:
# (share of length, share of height, glass in the strip that follows).
_PROFILES: dict[str, tuple[tuple[float, float, float], list[tuple[float, float, bool]]]] = {
    "hatchback": (
        (3.9, 1.72, 1.48),
        [
            (0, 0.13, False),
            (0, 0.56, False),
            (0.03, 0.66, True),
            (0.15, 0.97, False),
            (0.3, 1, False),
            (0.55, 0.97, True),
            (0.76, 0.66, False),
            (0.97, 0.53, False),
            (1, 0.42, False),
            (1, 0.13, False),
        ],
    ),
    "saloon": (
        (4.5, 1.8, 1.44),
        [
            (0, 0.13, False),
            (0, 0.55, False),
            (0.02, 0.66, False),
            (0.17, 0.7, True),
            (0.33, 0.98, False),
            (0.42, 1, False),
            (0.58, 0.97, True),
            (0.75, 0.66, False),
            (0.97, 0.53, False),
            (1, 0.4, False),
            (1, 0.13, False),
        ],
    ),
    "estate": (
        (4.6, 1.8, 1.5),
        [
            (0, 0.13, False),
            (0, 0.58, False),
            (0.02, 0.65, True),
            (0.1, 0.96, False),
            (0.3, 1, False),
            (0.58, 0.97, True),
            (0.75, 0.64, False),
            (0.97, 0.52, False),
            (1, 0.4, False),
            (1, 0.13, False),
        ],
    ),
    "suv": (
        (4.5, 1.9, 1.75),
        [
            (0, 0.15, False),
            (0, 0.55, False),
            (0.01, 0.63, True),
            (0.08, 0.95, False),
            (0.25, 1, False),
            (0.55, 0.97, True),
            (0.72, 0.63, False),
            (0.96, 0.56, False),
            (1, 0.45, False),
            (1, 0.15, False),
        ],
    ),
    "van": (
        (5.2, 2.0, 2.2),
        [
            (0, 0.11, False),
            (0, 0.55, True),
            (0, 0.9, False),
            (0.02, 1, False),
            (0.7, 1, False),
            (0.76, 0.95, True),
            (0.87, 0.6, False),
            (0.98, 0.45, False),
            (1, 0.35, False),
            (1, 0.11, False),
        ],
    ),
    "lorry": (
        (7.5, 2.4, 3.3),
        [
            (0, 0.11, False),
            (0, 0.3, False),
            (0, 1, False),
            (0.74, 1, False),
            (0.745, 0.8, False),
            (0.95, 0.8, True),
            (1, 0.5, False),
            (1, 0.3, False),
            (1, 0.11, False),
        ],
    ),
    "bus": (
        (11.0, 2.5, 3.1),
        [
            (0, 0.12, False),
            (0, 0.5, True),
            (0, 0.9, False),
            (0.01, 1, False),
            (0.98, 1, False),
            (1, 0.88, True),
            (1, 0.4, False),
            (1, 0.12, False),
        ],
    ),
}
_PAINTS: list[Colour] = [
    (235, 236, 236),
    (30, 30, 32),
    (128, 130, 132),
    (185, 188, 190),
    (40, 35, 150),
    (120, 60, 35),
    (60, 70, 60),
    (70, 62, 58),
    (160, 130, 90),
    (40, 120, 190),
    (70, 110, 50),
    (200, 215, 225),
    (30, 190, 225),
    (90, 30, 90),
]


_RIM = [(math.cos(i * math.pi / 6), math.sin(i * math.pi / 6)) for i in range(12)]


@dataclass(frozen=True)
class Car:
    """A vehicle centred at (s, q).

    The heading is in radians from the street's direction: 0 drives away from the camera. Sizes are
    in metres.
    """

    s: float
    q: float
    heading: float
    kind: str
    length: float
    width: float
    height: float
    paint: Colour
    braking: bool
    moving: bool

    @property
    def far(self) -> float:
        """Where its far end is along the street: s, in metres."""
        return self.s + 0.3 * self.length * abs(math.cos(self.heading))

    def footprint(self, margin: float) -> Array:
        """Corners on the ground, [4, 2] of (s, q), grown by margin metres."""
        a, b = self.length / 2 + margin, self.width / 2 + margin
        local = np.array([[-a, -b], [-a, b], [a, b], [a, -b]])
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        turned: Array = np.stack(
            [local[:, 0] * cos - local[:, 1] * sin, local[:, 0] * sin + local[:, 1] * cos], -1
        )
        turned += np.array([self.s, self.q])
        return turned

    def cast_shadow(self, weather: Weather) -> list[Array]:
        """Return the shadow that it casts, polygons of (s, q)."""
        dx, dz = weather.shadow_per_metre
        base = self.footprint(0.0)
        shifted = base + np.array([dz, dx]) * self.height * 0.85
        hull = cv2.convexHull(np.concatenate([base, shifted]).astype(np.float32))[:, 0]
        return [hull.astype(np.float64)]

    def draw(self, stage: Stage) -> None:
        """Draw it on the stage."""
        body = _Body(self, stage)
        if body.visible:
            body.paint()
            body.flush()


class _Body:
    """A car in camera space while it is painted; u runs to the rear..front, b left..right."""

    def __init__(self, car: Car, stage: Stage) -> None:
        self.car, self.stage = car, stage
        angle = car.heading + math.atan(stage.street.slope(car.s))
        self.sin, self.cos = math.sin(angle), math.cos(angle)
        self.x, self.z = car.q + stage.street.bend(car.s), car.s
        self.depth = stage.camera.depth(self.x, self.z)
        self.visible = self.depth > 0.5 - car.length / 2
        self.scale = stage.camera.focal / max(self.depth, 1.0)
        dx, dz = stage.camera.x - self.x, stage.camera.z - self.z
        self.eye = (dx * self.sin + dz * self.cos, dx * self.cos - dz * self.sin, stage.camera.y)
        self.points: list[tuple[float, float, float]] = []
        self.faces: list[tuple[int, Colour]] = []

    def flush(self) -> None:
        """Paint the collected faces: local (a along, b right, y up) metres -> camera space."""
        local = np.array(self.points, np.float64)
        a, b = local[:, 0], local[:, 1]
        world = np.empty_like(local)
        world[:, 0] = self.x + a * self.sin + b * self.cos
        world[:, 1] = local[:, 2]
        world[:, 2] = self.z + a * self.cos - b * self.sin
        seen = self.stage.camera.view(world)
        start = 0
        polygons: list[tuple[Array, Colour]] = []
        for count, colour in self.faces:
            polygons.append((seen[start : start + count], colour))
            start += count
        self.stage.group(polygons, CAR, project=True)

    def light(self, a: float, b: float) -> float:
        """Brightness of a face whose local normal is (a, b)."""
        return self.stage.weather.facing(a * self.sin + b * self.cos, a * self.cos - b * self.sin)

    def face(self, points: list[tuple[float, float, float]], colour: Colour) -> None:
        self.points += points
        self.faces.append((len(points), colour))

    def faces_camera(self, points: list[tuple[float, float, float]]) -> bool:
        """Whether a face, its corners clockwise from outside, is seen from its outer side."""
        (ax, bx, yx), (ay, by, yy), (az, bz, yz) = points[:3]
        ua, ub, uy = ay - ax, by - bx, yy - yx
        va, vb, vy = az - ax, bz - bx, yz - yx
        ea, eb, ey = self.eye
        outward = (
            (ub * vy - uy * vb) * (ea - ax)
            + (uy * va - ua * vy) * (eb - bx)
            + (ua * vb - ub * va) * (ey - yx)
        )
        return outward < 0

    def paint(self) -> None:
        car = self.car
        shape = _PROFILES[car.kind][1]
        outline = [((u - 0.5) * car.length, y * car.height) for u, y, _ in shape]
        belt = (0.64 if car.kind not in ("bus", "van", "lorry") else 0.55) * car.height

        def half_width(y: float) -> float:
            if car.kind in ("bus", "lorry"):
                return car.width / 2
            lean = max(y - belt, 0.0) / max(car.height - belt, 1e-6)
            return car.width / 2 * (1.0 - 0.17 * lean)

        end, axle = car.length / 2 * 0.94, car.length * 0.31
        # From afar the dark beneath a car is its contact shadow alone.
        ends = () if self.scale < 8 else (end, axle, -axle, -end)
        for a in ends if self.eye[0] < 0 else ends[::-1]:
            if abs(a) == end:
                w = car.width / 2 * 0.93
                self.face(
                    [
                        (a, -w, 0.08 * car.height),
                        (a, w, 0.08 * car.height),
                        (a, w, 0.2 * car.height),
                        (a, -w, 0.2 * car.height),
                    ],
                    (24.0, 24.0, 24.0),
                )
                continue
            for b in (-0.4 * car.width, 0.4 * car.width):
                self.face(
                    [
                        (a, b - 0.1, 0.0),
                        (a, b + 0.1, 0.0),
                        (a, b + 0.1, 0.3 * car.height),
                        (a, b - 0.1, 0.3 * car.height),
                    ],
                    (20.0, 20.0, 20.0),
                )
        for sign in (1.0, -1.0):
            b = sign * car.width / 2
            flank = [(a, sign * half_width(y), y) for a, y in outline]
            lower = [(a, b, min(y, belt)) for a, y in outline]
            order = [(-1.0, b, 0.0), (-1.0, b, 1.0), (1.0, b, 1.0)]
            if self.faces_camera(order if sign < 0 else order[::-1]):
                self._flank(flank, lower, sign, belt)
        strips = list(zip(outline[:-1], outline[1:], shape[:-1], strict=True))
        rearward = self.eye[0] < 0
        for (a0, y0), (a1, y1), (_, _, glass) in strips[::-1] if rearward else strips:
            w0, w1 = half_width(y0), half_width(y1)
            corners = [(a0, w0, y0), (a1, w1, y1), (a1, -w1, y1), (a0, -w0, y0)]
            if not self.faces_camera(corners):
                continue
            rise, run = y1 - y0, a1 - a0
            flatness = abs(run) / max(math.hypot(rise, run), 1e-6)
            bright = self.light(-math.copysign(1.0, rise), 0.0) * (0.85 + 0.35 * flatness)
            self.face(corners, scaled(car.paint, bright))
            if glass and self.scale > 4:
                self._pane(corners, 0.09, 0.08)
        self._ends()

    def _pane(
        self, corners: list[tuple[float, float, float]], inset_b: float, inset_y: float
    ) -> None:
        """Draw a window inside a face given as (near right, far right, far left, near left)."""

        def at(u: float, v: float) -> tuple[float, float, float]:
            weights = ((1 - v) * (1 - u), v * (1 - u), v * u, (1 - v) * u)
            a, b, y = (
                sum(k * p[i] for k, p in zip(weights, corners, strict=True)) for i in range(3)
            )
            return a, b, y

        sky = self.stage.weather.sky_low
        dark: Colour = mixed((42, 38, 34), sky, 0.12)
        lo, hi = inset_b / 2, 1 - inset_b / 2
        self.face(
            [at(lo, inset_y), at(lo, 1 - inset_y), at(hi, 1 - inset_y), at(hi, inset_y)], dark
        )
        if self.scale > 14:
            glare = mixed(dark, sky, 0.35)
            self.face(
                [at(0.2, 0.5), at(0.3, 1 - inset_y), at(0.55, 1 - inset_y), at(0.4, 0.5)], glare
            )

    def _flank(
        self,
        flank: list[tuple[float, float, float]],
        lower: list[tuple[float, float, float]],
        sign: float,
        belt: float,
    ) -> None:
        car = self.car
        bright = self.light(0.0, sign)
        self.face(flank, scaled(car.paint, bright))
        self.face(lower, scaled(car.paint, bright * 0.93))
        if self.scale > 3 and car.kind != "lorry":
            self._side_windows(flank, sign, belt)
        radius = 0.31 if car.height < 1.6 else 0.36 if car.height < 2 else 0.45
        b = sign * (car.width / 2 + 0.01)
        for a in (-car.length * 0.31, car.length * 0.31):
            for r, colour in (
                (radius * 1.16, (16.0, 16.0, 16.0)),
                (radius, (34.0, 34.0, 34.0)),
                (radius * 0.62, (150.0, 150.0, 150.0)),
            ):
                middle = radius
                wheel = [(a + r * c, b, max(middle + r * s, 0.0)) for c, s in _RIM]
                self.face(wheel, colour)
        if self.scale > 18:
            for a in (-car.length * 0.03, car.length * 0.15):
                self.face(
                    [
                        (a, b, 0.25 * car.height),
                        (a, b, belt),
                        (a + 0.025, b, belt),
                        (a + 0.025, b, 0.25 * car.height),
                    ],
                    scaled(car.paint, 0.5),
                )

    def _side_windows(
        self, flank: list[tuple[float, float, float]], sign: float, belt: float
    ) -> None:
        car = self.car
        top = car.height * 0.93
        glassy = [p for p in flank if p[2] >= belt * 0.98]
        rear, front = min(p[0] for p in glassy), max(p[0] for p in glassy)
        if car.kind == "van":
            rear = front - car.length * 0.24
        dark: Colour = mixed((40, 36, 32), self.stage.weather.sky_low, 0.1)
        inner = car.width / 2 * 0.86 if car.kind != "bus" else car.width / 2
        slope = 0.5 * (car.height - belt) if car.kind != "bus" else 0.0
        cuts = np.linspace(rear + 0.12, front - 0.12, 4 if car.kind != "van" else 2)
        cuts = np.linspace(rear + 0.3, front - 0.3, 8) if car.kind == "bus" else cuts
        low = belt + 0.02
        for i, (a0, a1) in enumerate(pairwise(cuts)):
            lean0 = slope * 0.8 if i == 0 and car.kind != "van" else 0.0
            lean1 = slope * 1.15 if i == len(cuts) - 2 else 0.0
            b0, b1 = sign * car.width / 2 * 0.995, sign * inner
            self.face(
                [
                    (a0 + 0.05, b0, low),
                    (a0 + 0.05 + lean0, b1, top),
                    (a1 - 0.05 - lean1, b1, top),
                    (a1 - 0.05, b0, low),
                ],
                dark,
            )

    def _ends(self) -> None:
        """Lamps, plate and grille on whichever end is seen."""
        car = self.car
        if self.scale < 3:
            return
        w, h = car.width / 2, car.height
        for a, rear in ((-car.length / 2 - 0.01, True), (car.length / 2 + 0.01, False)):
            side = 1.0 if rear else -1.0
            if not self.faces_camera([(a, side, 0), (a, side, 1), (a, -side, 1)]):
                continue
            red: Colour = (60, 60, 255) if car.braking else (40, 30, 170)
            lit = self.stage.weather.lamps_on or self.stage.weather.kind == "fog"
            white: Colour = (245, 252, 255) if lit else (205, 210, 212)
            lamp = red if rear else white
            y = 0.46 * h if h < 2 else 0.3 * h
            for b in (-0.78 * w, 0.78 * w):
                self.face(
                    [
                        (a, b - 0.17, y - 0.07),
                        (a, b + 0.17, y - 0.07),
                        (a, b + 0.17, y + 0.09),
                        (a, b - 0.17, y + 0.09),
                    ],
                    lamp,
                )
            bumper = scaled(car.paint, 0.55)
            self.face(
                [
                    (a, -w * 0.95, 0.15 * h),
                    (a, w * 0.95, 0.15 * h),
                    (a, w * 0.95, 0.24 * h),
                    (a, -w * 0.95, 0.24 * h),
                ],
                bumper,
            )
            if not rear:
                self.face(
                    [
                        (a, -0.45, y - 0.08),
                        (a, 0.45, y - 0.08),
                        (a, 0.45, y + 0.06),
                        (a, -0.45, y + 0.06),
                    ],
                    (32, 32, 32),
                )
            plate: Colour = (225, 232, 235)
            self.face(
                [
                    (a, -0.26, 0.3 * h),
                    (a, 0.26, 0.3 * h),
                    (a, 0.26, 0.3 * h + 0.11),
                    (a, -0.26, 0.3 * h + 0.11),
                ],
                plate,
            )


def _random_car(rng: np.random.Generator, small: bool) -> Car:
    kinds = ["hatchback", "saloon", "estate", "suv", "van", "lorry", "bus"]
    shares = (
        [0.3, 0.2, 0.17, 0.2, 0.13, 0, 0] if small else [0.27, 0.2, 0.14, 0.17, 0.12, 0.05, 0.05]
    )
    kind = str(rng.choice(kinds, p=shares))
    length, width, height = (float(v * rng.uniform(0.94, 1.06)) for v in _PROFILES[kind][0])
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    return Car(0.0, 0.0, 0.0, kind, length, width, height, jittered(paint, 12.0, rng), False, False)


def parked_cars(street: Street, slot: int) -> list[Car]:
    """Cars parked in one slot of SLOT_M along both kerbs."""
    rng = stream(street.seed, _PARKED, slot)
    block = int(slot * SLOT_M // BLOCK_M)
    joint = street.junction(block)
    blocked = joint is not None and slot * SLOT_M < joint[1]
    zebra = street.has_zebra(block) and abs(slot * SLOT_M + 3.0 - street.zebra_at(block)) < 6.0
    cars: list[Car] = []
    for sign in (-1, 1):
        side = street.side(sign)
        car = _random_car(rng, small=True)
        turned = math.pi if sign < 0 else 0.0
        drawn = rng.random()
        shift, skew = float(rng.normal(0, 0.08)), float(rng.normal(0, 0.025))
        if not blocked and not zebra and drawn < side.parked_share:
            q = sign * (side.edge - 0.15 - car.width / 2 + shift)
            cars.append(replace(car, s=slot * SLOT_M + 3.0, q=q, heading=turned + skew))
    return cars


def waiting_cars(street: Street, block: int) -> list[Car]:
    """Cars waiting in the side streets of a block, broadside to the camera."""
    joint = street.junction(block)
    rng = stream(street.seed, _WAITING, block)
    cars: list[Car] = []
    if joint is None:
        return cars
    for sign in (-1, 1):
        if rng.random() < 0.55:
            car = _random_car(rng, small=True)
            q = sign * (street.side(sign).edge + car.length / 2 + float(rng.uniform(0.3, 1.5)))
            s = joint[0] + 2.0 + float(rng.uniform(0, 1.5))
            facing = -math.pi / 2 if rng.random() < 0.7 else math.pi / 2
            cars.append(replace(car, s=s, q=q, heading=facing * sign))
    return cars


def moving_cars(street: Street, t: float, camera_s: float, speed: float) -> list[Car]:
    """Traffic near the camera at time t: oncoming, in the next lane, and ahead in the own lane."""
    habit = stream(street.seed, _MOVING, -1_000_000)
    lane = street.lane_width
    cars: list[Car] = []
    lead_share, lead_gap, sway = habit.random(), habit.uniform(12.0, 40.0), habit.uniform(0, 6.0)
    spacing = float(habit.uniform(14.0, 24.0)) / max(street.busy, 0.15)
    oncoming_speed, next_speed = speed * habit.uniform(0.7, 1.2), speed * habit.uniform(0.75, 1.25)

    def lane_of_cars(purpose: int, q: float, velocity: float, heading: float) -> None:
        shift = velocity * t
        first = math.floor((camera_s - 15.0 - shift) / spacing)
        for i in range(first, math.ceil((camera_s + 120.0 - shift) / spacing)):
            rng = stream(street.seed, _MOVING * 10 + purpose, i)
            car = _random_car(rng, small=False)
            present, along, across = (
                rng.random(),
                rng.uniform(0, spacing - 13.0),
                rng.normal(0, 0.15),
            )
            braking = bool(rng.random() < 0.3)
            if present < street.busy:
                cars.append(
                    replace(
                        car,
                        s=i * spacing + shift + float(along),
                        q=q + float(across),
                        heading=heading,
                        braking=braking,
                        moving=True,
                    )
                )

    for i in range(street.oncoming_lanes):
        lane_of_cars(1 + i, -(i + 0.5) * lane, -oncoming_speed, math.pi)
    if street.own_lanes > 1:
        lane_of_cars(4, 1.5 * lane, next_speed, 0.0)
    if lead_share < 0.4:
        rng = stream(street.seed, _BODY)
        car = _random_car(rng, small=False)
        gap = lead_gap + 0.12 * lead_gap * math.sin(0.5 * t + sway) + car.length / 2
        cars.append(
            replace(
                car,
                s=camera_s + gap,
                q=0.5 * lane + 0.1 * math.sin(0.7 * t + sway),
                braking=math.cos(0.5 * t + sway) < -0.2,
                moving=True,
            )
        )
    return [c for c in cars if c.s + c.length > camera_s + NEAR_M]
