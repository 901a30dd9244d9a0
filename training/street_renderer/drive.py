# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Synthetic streets: endless drives for training a network and testing an anomaly detector.

A drive is a pure function of its seed: which street, light, traffic and camera, and where things
that do not belong lie on the road. Nothing is read from or written to disk.

>>> frame = StreetDrive(seed=3, anomalies=True).frame(t=1.5)
>>> frame.image.shape, frame.class_id.shape, frame.anomaly.shape
((360, 640, 3), (360, 640), (360, 640))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from . import anomalies as odd
from . import buildings, furniture, greenery, ground, people, traffic
from .backdrop import paint_sky, paint_skyline
from .camera import Array, Camera
from .canvas import Bytes, Stage
from .classes import CLASSES, VOID, StreetClass
from .noise import stream
from .sensor import expose, make_sensor
from .street import BLOCK_M, plan_street
from .weather import Weather, choose_weather

__all__ = ["CLASSES", "Frame", "StreetClass", "StreetDrive"]

_CAMERA, _DRIVING = 110, 111
# Cells are cheap to make again: a long drive must not keep the whole street.
_MOST_CELLS = 256
_SIGHT_M = 125.0
_WEAR_SIGHT_M = 45.0

Item = TypeVar("Item")


class _Thing(Protocol):
    """Anything painted on top of the ground, farthest first."""

    @property
    def far(self) -> float: ...

    def draw(self, stage: Stage) -> None: ...


class _Upright(_Thing, Protocol):
    """A thing on the ground that the sun casts the shadow of, as polygons [n, 2] of (s, q)."""

    def cast_shadow(self, weather: Weather) -> list[Array]: ...


@dataclass(frozen=True)
class Frame:
    """One picture of a drive and what is in it.

    image: uint8 [H, W, 3] BGR. class_id: uint8 [H, W], an index into CLASSES, or 255 (void) on
    anomalies. anomaly: uint8 [H, W], 1 where an anomaly is seen, else 0.
    """

    image: Bytes
    class_id: Bytes
    anomaly: Bytes


@dataclass(frozen=True)
class Mounting:
    """The camera on its vehicle: a pinhole that looks forward, level, over a flat road.

    focal: pixels. centre: where the axis meets the picture, pixels (column, row), the middle of the
    first pixel being (0, 0). height: of the lens above the road, metres.
    """

    focal: float
    centre: tuple[float, float]
    height: float


@dataclass(frozen=True)
class Place:
    """Where an anomaly stands, as seen from the camera: the middle of its foot, metres.

    forward, left: on the road, from the point below the lens. width, height: of its box. box: the
    box in the picture, pixels (left, top, right, bottom), the first pixel's middle being (0, 0).
    """

    forward: float
    left: float
    width: float
    height: float
    box: tuple[float, float, float, float]


class StreetDrive:
    """A camera driving down one endless street.

    The same (seed, height, width, anomalies) gives the same frames on any machine, in any order
    of asking. With anomalies=True the same street is driven, with things on the road that never
    occur otherwise; elsewhere its pixels are unchanged.

    seed: >= 0. height, width: pixels, >= 16. camera: >= 0; drives of the same number are driven
    with the same camera at the same height, on the same side of the road; without it each drive
    has its own, by its seed. slope: metres that the road rises a metre, all of it from the point
    below the lens on, -0.2..0.2; things on it stay upright. Raises ValueError for anything else.
    """

    def __init__(
        self,
        seed: int,
        height: int = 360,
        width: int = 640,
        anomalies: bool = False,
        camera: int | None = None,
        slope: float = 0.0,
    ) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must be 0 or more")
        camera_seed = seed if camera is None else camera
        if camera_seed < 0:
            raise ValueError(f"camera is {camera}; it must be 0 or more")
        if height < 16 or width < 16:
            raise ValueError(f"size is {height} x {width} pixels; each side must be 16 or more")
        if not -0.2 <= slope <= 0.2:
            raise ValueError(f"slope is {slope}; it must be -0.2 to 0.2")
        self._seed, self._height, self._width = seed, height, width
        self._slope = slope
        self._anomalies = anomalies
        self._street = plan_street(seed)
        self._weather = choose_weather(seed)
        self._sensor = make_sensor(camera_seed, self._weather, height, width)
        self._surface = ground.make_surface(self._street, self._weather)
        self._crowns = [
            greenery.make_crown(self._street, self._weather, i) for i in range(greenery.CROWN_COUNT)
        ]
        rng = stream(camera_seed, _CAMERA)
        self._focal = width * float(rng.uniform(0.68, 0.98))
        self._mount = float(rng.uniform(1.25, 1.7))
        self._horizon = height * float(rng.uniform(0.36, 0.5))
        if camera is not None:
            rng = stream(seed, _DRIVING)
        self._speed = float(rng.uniform(4.0, 12.0))
        self._start = float(rng.uniform(0.0, 2000.0))
        self._across = float(rng.normal(0.0, 0.18))
        self._phases = rng.uniform(0.0, 2.0 * math.pi, 4)
        self._mirrored = bool(rng.random() < 0.3) and camera is None
        self._remembered: dict[tuple[str, int], object] = {}

    def frame(self, t: float) -> Frame:
        """Return the picture at t seconds along the drive (any finite number, also negative).

        Raises ValueError when t is not finite.
        """
        if not math.isfinite(t):
            raise ValueError(f"t is {t}; it must be a finite number of seconds")
        shape = (self._height, self._width)
        camera = self._camera(t)
        stage = Stage(
            image=np.zeros((*shape, 3), np.uint8),
            class_id=np.zeros(shape, np.uint8),
            camera=camera,
            street=self._street,
            weather=self._weather,
            t=t,
        )
        houses, greens, posts, cars, walkers = self._normal_things(t)
        strange = self._strange_things(cars, walkers, camera.z) if self._anomalies else []
        upright: list[_Upright] = [*greens, *posts, *cars, *walkers, *strange]
        shade = ground.Shade(
            cast=[p for h in houses for p in h.shadow(self._weather)]
            + [p for thing in upright for p in thing.cast_shadow(self._weather)],
            dappled=[
                p for plant in greens if plant.trunk for p in plant.dappled_shadow(self._weather)
            ],
            contact=[car.footprint(0.02) for car in cars]
            + [p for a in strange for p in a.contact()],
        )
        paint_sky(stage)
        paint_skyline(stage)
        ground.paint_ground(stage, self._surface, self._wear(camera.z), shade)
        things: list[_Thing] = [*houses, *upright]
        for thing in sorted(things, key=lambda thing: -thing.far):
            thing.draw(stage)
        image = expose(self._sensor, self._seed, t, stage.image)
        class_id = stage.class_id
        if self._mirrored:
            image = np.ascontiguousarray(image[:, ::-1])
            class_id = np.ascontiguousarray(class_id[:, ::-1])
        return Frame(image, class_id, (class_id == VOID).astype(np.uint8))

    @property
    def speed_m_s(self) -> float:
        """Of the vehicle along the street, but for a slow sway."""
        return self._speed

    @property
    def nearest_m(self) -> float:
        """How near an anomaly comes before it is below the view."""
        return odd.NEAREST_M

    @property
    def mounting(self) -> Mounting:
        """Of the camera while its vehicle does not nod."""
        # The renderer counts pixels from the outer edge of the first one.
        centre = (0.5 * self._width - 0.5, self._horizon - 0.5)
        return Mounting(self._focal, centre, self._mount)

    def places(self, t: float) -> list[Place]:
        """Return where the anomalies of `frame(t)` stand, without painting it."""
        if not self._anomalies:
            return []
        camera = self._camera(t)
        *_, cars, walkers = self._normal_things(t)
        found = []
        for thing in self._strange_things(cars, walkers, camera.z):
            point = np.array([thing.q + self._street.bend(thing.s), 0.0, thing.s])
            right, _, depth = camera.view(point).tolist()
            (u, v), scale = camera.pixels(camera.view(point)).tolist(), camera.focal / depth
            left, high = u - thing.half * scale, v - thing.cutout.height * scale
            box = (left, high, u + thing.half * scale, v)
            if self._mirrored:
                right = -right
                box = (self._width - box[2], box[1], self._width - box[0], box[3])
            shifted = (box[0] - 0.5, box[1] - 0.5, box[2] - 0.5, box[3] - 0.5)
            size = (thing.cutout.width, thing.cutout.height)
            found.append(Place(depth, -right, *size, shifted))
        return found

    def anomalies_ahead(self, t: float) -> dict[float, float]:
        """Return what `frame(t)` has on the road, without painting it.

        Where along the street an anomaly stands, in metres and the same at any t, to its distance
        from the camera in metres. Posts, plants and the picture's edges may hide some of it.
        """
        if not self._anomalies:
            return {}
        here = self._camera(t).z
        *_, cars, walkers = self._normal_things(t)
        return {a.s: a.s - here for a in self._strange_things(cars, walkers, here)}

    def _camera(self, t: float) -> Camera:
        """Return the camera at t: it follows its lane, and the car under it sways and nods."""
        a, b, c, d = (float(phase) for phase in self._phases)
        s = self._start + self._speed * t + 0.8 * math.sin(0.35 * t + a)
        q = 0.5 * self._street.lane_width + self._across + 0.15 * math.sin(0.4 * t + b)
        nod = 0.004 * math.sin(5.1 * t + c) + 0.003 * math.sin(8.7 * t + d)
        return Camera(
            width=self._width,
            height=self._height,
            focal=self._focal,
            # A plane that rises from below the lens is seen as a flat one with another horizon.
            horizon=self._horizon + self._focal * (nod - self._slope),
            x=q + self._street.bend(s),
            y=self._mount + 0.01 * math.sin(8.7 * t + a),
            z=s,
            yaw=math.atan(self._street.slope(s)) + 0.012 * math.sin(0.5 * t + c),
        )

    def _normal_things(
        self, t: float
    ) -> tuple[
        list[buildings.Building | buildings.Boundary],
        list[greenery.Plant],
        list[furniture.Post],
        list[traffic.Car],
        list[people.Person],
    ]:
        street = self._street
        here = self._camera(t).z
        houses: list[buildings.Building | buildings.Boundary] = []
        for sign in (-1, 1):
            houses += self._cells(
                f"houses{sign}",
                here - BLOCK_M,
                here + _SIGHT_M,
                BLOCK_M,
                partial(buildings.buildings_of, street, sign=sign),
            )
            houses += self._cells(
                f"boundaries{sign}",
                here - BLOCK_M,
                here + 80.0,
                BLOCK_M,
                partial(buildings.boundaries_of, street, sign=sign, season=self._weather.season),
            )
        greens = self._cells(
            "plants",
            here - 20.0,
            here + 110.0,
            greenery.CELL_M,
            lambda cell: greenery.plants_of(street, cell, self._crowns),
        )
        posts = self._cells(
            "posts",
            here - 12.0,
            here + 90.0,
            furniture.CELL_M,
            lambda cell: furniture.posts_of(street, cell),
        )
        cars = self._cells(
            "parked",
            here - 6.0,
            here + 100.0,
            traffic.SLOT_M,
            lambda slot: traffic.parked_cars(street, slot),
        )
        cars += self._cells(
            "waiting",
            here - 6.0,
            here + 90.0,
            BLOCK_M,
            lambda block: traffic.waiting_cars(street, block),
        )
        cars += traffic.moving_cars(street, t, here, self._speed)
        return houses, greens, posts, cars, people.people_near(street, t, here)

    def _wear(self, here: float) -> list[ground.WearCell]:
        return self._cells(
            "wear",
            here,
            here + _WEAR_SIGHT_M,
            ground.WEAR_CELL_M,
            lambda cell: [ground.make_wear(self._street, self._weather, cell)],
        )

    def _strange_things(
        self, cars: list[traffic.Car], walkers: list[people.Person], here: float
    ) -> list[odd.Anomaly]:
        """Anomalies in sight; none inside a road user, who would have moved it."""
        found = self._cells(
            "strange",
            here,
            here + odd.FARTHEST_M,
            odd.CELL_M,
            lambda cell: odd.anomalies_of(self._street, cell),
        )
        # What lies ahead of a moving car fell off it only when that car has passed the place.
        rears = [
            c.s - c.length / 2 for c in cars if c.moving and 0.0 < c.q < self._street.lane_width
        ]
        nearest_rear = min(rears, default=math.inf)
        return [
            a
            for a in found
            if odd.NEAREST_M < a.s - here < a.appears
            and a.s + 1.0 < nearest_rear
            and not any(abs(w.s - a.s) < 1.0 and abs(w.q - a.q) < a.half + 0.5 for w in walkers)
            and not any(
                abs(c.s - a.s) < c.length / 2 + 0.7 and abs(c.q - a.q) < c.width / 2 + a.half
                for c in cars
            )
        ]

    def _cells(
        self,
        kind: str,
        start: float,
        stop: float,
        length: float,
        make: Callable[[int], Sequence[Item]],
    ) -> list[Item]:
        """Contents of the cells between start and stop; a cell is made once, then remembered."""
        found: list[Item] = []
        if len(self._remembered) > _MOST_CELLS:
            self._remembered.clear()
        for cell in range(math.floor(start / length), math.floor(stop / length) + 1):
            key = (kind, cell)
            if key not in self._remembered:
                self._remembered[key] = make(cell)
            found += self._remembered[key]  # type: ignore[arg-type]
        return found
