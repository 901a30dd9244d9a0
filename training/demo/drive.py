# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The drive in the demo's bag: which roads, and where on them.

Nothing here looks at a detector, its scores or its training frames. Roads are chosen by seed and
weather, stretches by where things lie on the road; both rules are the functions below. Another
number gives another drive of other roads by the same rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tqdm import tqdm

from training.bag_writer import BagFrame
from training.street_renderer.drive import StreetDrive
from training.street_renderer.weather import choose_weather

HEIGHT = 360
WIDTH = 640
RATE_HZ = 10.0

BAG_QUALITY = 80
"""Of the bag's JPEG pictures: 14.6 MB the demo's drive."""

CAMERA = 10
"""One camera for all scenes, as one vehicle has it."""

FIRST_ROAD = 730_000
ROADS_A_DRIVE = 1_000
"""Drive n has the seeds from FIRST_ROAD + n * ROADS_A_DRIVE on: no two drives share a road."""

SCENE_FRAMES = 55
LEAD_FRAMES = 5
"""Of a scene with obstacles, before the obstacle that comes nearer is first seen."""

FARTHEST_SEARCH_S = 600.0
FARTHEST_FIRST_SIGHT_M = 15.0
"""The obstacle that comes nearer is at least so far away when it is first seen."""


@dataclass(frozen=True)
class SceneKind:
    """What a scene of the drive is to be like.

    Attributes:
        weather: what `weather_of` says of its road.
        obstacles: whether there are any on the road.
    """

    weather: str
    obstacles: bool


SCENES = (
    SceneKind("clear sky", obstacles=True),
    SceneKind("overcast", obstacles=False),
    SceneKind("scattered clouds", obstacles=True),
    SceneKind("wet road", obstacles=True),
    SceneKind("dusk", obstacles=False),
    SceneKind("fog", obstacles=True),
)
"""Every kind of weather that the streets have, once. The wet road is of any sky but fog and dusk;
the other roads are dry."""


@dataclass(frozen=True)
class Stretch:
    """A scene of the drive.

    Attributes:
        title: for people, as captions show it.
        seed: of the road.
        obstacles: whether there are any on it.
        start_s: where on the road it begins, in seconds of driving.
        frames: how many.
    """

    title: str
    seed: int
    obstacles: bool
    start_s: float
    frames: int = SCENE_FRAMES


def weather_of(seed: int) -> str:
    """Return the name of a road's weather, as SCENES names it."""
    weather = choose_weather(seed)
    if weather.kind in ("dusk", "fog"):
        return weather.kind
    if weather.wet:
        return "wet road"
    return {"clear": "clear sky", "scattered": "scattered clouds"}.get(weather.kind, weather.kind)


def plan_drive(number: int = 0) -> tuple[Stretch, ...]:
    """Return the scenes of a drive.

    For each of SCENES in turn the road is the first one of this drive's seeds that has its weather
    and is not taken yet, and on which an obstacle comes nearer if there are to be any. With
    obstacles the scene begins where `first_approach` says, without them where the road begins.

    Args:
        number: of the drive, 0 or more; 0 is the demo's.
    """
    first = FIRST_ROAD + number * ROADS_A_DRIVE
    stretches: list[Stretch] = []
    for kind in SCENES:
        taken = {stretch.seed for stretch in stretches}
        roads = (s for s in count(first) if s not in taken and weather_of(s) == kind.weather)
        if kind.obstacles:
            seed, start_s = next(found for road in roads if (found := _approach_on(road)))
        else:
            seed, start_s = next(roads), 0.0
        what = "obstacles ahead" if kind.obstacles else "no obstacle"
        stretches.append(Stretch(f"{kind.weather}, {what}", seed, kind.obstacles, start_s))
    return tuple(stretches)


def _approach_on(seed: int) -> tuple[int, float] | None:
    start_s = first_approach(_road(seed, obstacles=True))
    return None if start_s is None else (seed, start_s)


def first_approach(road: StreetDrive) -> float | None:
    """Return where on a road a scene with obstacles begins, in seconds of driving.

    It is the first place from which a scene shows an obstacle come nearer: LEAD_FRAMES after the
    scene's begin the obstacle is seen for the first time, FARTHEST_FIRST_SIGHT_M away or further,
    and it is then in sight in every frame until the vehicle has reached it, all within the scene.
    None where there is no such place in the first FARTHEST_SEARCH_S seconds.
    """
    first_seen: dict[float, int] = {}
    first_metres: dict[float, float] = {}
    before: dict[float, float] = {}
    for frame in range(round(FARTHEST_SEARCH_S * RATE_HZ)):
        now = road.anomalies_ahead(frame / RATE_HZ)
        for place, metres in now.items():
            if place not in before:
                first_seen[place], first_metres[place] = frame, metres
        for place in before.keys() - now.keys():
            start = first_seen[place] - LEAD_FRAMES
            if (
                start >= 0
                and first_metres[place] >= FARTHEST_FIRST_SIGHT_M
                # It left the view because the vehicle has reached it, not because it was hidden.
                and before[place] < road.nearest_m + road.speed_m_s / RATE_HZ
                and frame <= start + SCENE_FRAMES
            ):
                return start / RATE_HZ
        before = now
    return None


def drive_frames(drive: tuple[Stretch, ...]) -> Iterator[BagFrame]:
    """Yield the frames of a drive with labels: 0 normal, 1 anomaly.

    The first frame of each scene bears the scene's title.
    """
    total = sum(stretch.frames for stretch in drive)
    with tqdm(desc="drive", total=total, unit="frame") as bar:
        for stretch in drive:
            road = _road(stretch.seed, obstacles=stretch.obstacles)
            for number in range(stretch.frames):
                frame = road.frame(stretch.start_s + number / RATE_HZ)
                scene = None if number else stretch.title
                yield BagFrame(frame.image, frame.anomaly, scene)
                bar.update()


def _road(seed: int, *, obstacles: bool) -> StreetDrive:
    return StreetDrive(seed, HEIGHT, WIDTH, anomalies=obstacles, camera=CAMERA)
