# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import numpy as np
import pytest

from training.demo.drive import (
    CAMERA,
    HEIGHT,
    LEAD_FRAMES,
    RATE_HZ,
    SCENE_FRAMES,
    SCENES,
    WIDTH,
    Stretch,
    drive_frames,
    first_approach,
    plan_drive,
    weather_of,
)
from training.street_renderer.drive import StreetDrive


@pytest.fixture(scope="module")
def drives() -> list[tuple[Stretch, ...]]:
    return [plan_drive(number) for number in range(3)]


def test_a_drive_has_six_scenes_of_five_to_six_seconds(drives) -> None:
    for drive in drives:
        assert [stretch.obstacles for stretch in drive].count(True) == 4
        assert [stretch.obstacles for stretch in drive].count(False) == 2
        assert all(5.0 <= stretch.frames / RATE_HZ <= 6.0 for stretch in drive)


def test_each_scene_has_the_first_road_of_its_weather(drives) -> None:
    for number, drive in enumerate(drives):
        first = 730_000 + 1_000 * number
        for kind, stretch in zip(SCENES, drive, strict=True):
            same = [s for s in range(first, stretch.seed + 1) if weather_of(s) == kind.weather]
            assert same == [stretch.seed]
            assert stretch.title.startswith(kind.weather)


def test_no_road_is_in_two_drives(drives) -> None:
    seeds = [stretch.seed for drive in drives for stretch in drive]
    assert len(set(seeds)) == len(seeds)


def test_an_obstacle_comes_nearer_from_its_first_sight_on(drives) -> None:
    for stretch in drives[0]:
        if not stretch.obstacles:
            continue
        road = StreetDrive(stretch.seed, 90, 160, anomalies=True, camera=CAMERA)

        def ahead(frame: int, road=road, stretch=stretch) -> dict[float, float]:
            return road.anomalies_ahead(stretch.start_s + frame / RATE_HZ)

        (new,) = ahead(LEAD_FRAMES).keys() - ahead(LEAD_FRAMES - 1).keys()
        metres = [ahead(i).get(new) for i in range(LEAD_FRAMES, SCENE_FRAMES)]
        seen = [m for m in metres if m is not None]
        assert metres == [*seen, *[None] * (len(metres) - len(seen))], "without a gap"
        assert seen[0] >= 15.0 and all(a > b for a, b in pairwise(seen))
        assert seen[-1] < 6.5
        start = stretch.start_s
        assert first_approach(road) == start
        pixels = [
            int(road.frame(start + (LEAD_FRAMES + i) / RATE_HZ).anomaly.sum())
            for i in (0, len(seen) - 1)
        ]
        assert pixels[1] > 3 * pixels[0]


def test_a_road_on_which_nothing_comes_nearer_is_passed_over() -> None:
    first, taken = next(
        (s, stretch.seed)
        for stretch in plan_drive(9)
        if stretch.obstacles
        for s in range(739_000, stretch.seed)
        if weather_of(s) == stretch.title.split(",")[0]
    )
    assert first_approach(StreetDrive(first, HEIGHT, WIDTH, anomalies=True, camera=CAMERA)) is None
    road = StreetDrive(taken, HEIGHT, WIDTH, anomalies=True, camera=CAMERA)
    assert first_approach(road) is not None


def test_what_is_ahead_is_what_the_frame_shows() -> None:
    road = StreetDrive(20, 90, 160, anomalies=True, camera=CAMERA)
    for t in np.arange(0.0, 4.0, 0.5):
        assert bool(road.anomalies_ahead(t)) == bool(road.frame(t).anomaly.any())
    assert StreetDrive(20, 90, 160, camera=CAMERA).anomalies_ahead(1.0) == {}


def test_frames_bear_labels_and_the_title_of_the_scene_that_begins() -> None:
    drive = (
        Stretch("clear sky, obstacles ahead", 730_002, True, 2.2, frames=2),
        Stretch("dusk, no obstacle", 730_009, False, 0.0, frames=2),
    )
    frames = list(drive_frames(drive))
    assert [frame.scene for frame in frames] == [drive[0].title, None, drive[1].title, None]
    assert all(frame.image.shape == (360, 640, 3) for frame in frames)
    assert [bool(frame.label.any()) for frame in frames] == [True, True, False, False]
