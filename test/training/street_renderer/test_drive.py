# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Synthetic streets: what the trainings and the benchmarks rely on."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from training.street_renderer.drive import CLASSES, Frame, StreetDrive

# Blur reaches 7 pixels, a compressed chroma block 16; the sum with room for both.
REACH_PIXELS = 32


def same(a: Frame, b: Frame) -> bool:
    return (
        np.array_equal(a.image, b.image)
        and np.array_equal(a.class_id, b.class_id)
        and np.array_equal(a.anomaly, b.anomaly)
    )


@pytest.fixture(scope="module")
def ordinary() -> list[Frame]:
    return [StreetDrive(seed, 180, 320).frame(1.0 + seed) for seed in range(14)]


@pytest.fixture(scope="module")
def strange() -> list[Frame]:
    drives = [StreetDrive(seed, 180, 320, anomalies=True) for seed in range(20, 28)]
    return [drive.frame(t) for drive in drives for t in (0.0, 2.1, 4.3)]


def test_classes_are_the_agreed_ones() -> None:
    assert [c.name for c in CLASSES] == [
        "road", "lane_marking", "pavement", "building", "wall_fence", "pole", "sign",
        "vegetation", "terrain", "sky", "person", "rider", "car",
    ]  # fmt: skip
    assert [c.name for c in CLASSES if c.drivable] == ["road", "lane_marking"]
    assert len({c.colour for c in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (97, 211), (240, 240)])
def test_frame_has_the_promised_shapes_and_types(height: int, width: int) -> None:
    frame = StreetDrive(4, height, width, anomalies=True).frame(-3.5)
    assert frame.image.shape == (height, width, 3)
    assert frame.class_id.shape == frame.anomaly.shape == (height, width)
    assert frame.image.dtype == frame.class_id.dtype == frame.anomaly.dtype == np.uint8
    assert frame.image.flags.c_contiguous and frame.class_id.flags.c_contiguous


def test_same_seed_same_bytes_in_any_order() -> None:
    first, second = (StreetDrive(11, 180, 320, anomalies=True) for _ in range(2))
    times = [0.0, 0.4, 7.0, 3.2]
    forward = {t: first.frame(t) for t in times}
    backward = {t: second.frame(t) for t in reversed(times)}
    assert all(same(forward[t], backward[t]) for t in times)
    assert same(first.frame(0.4), forward[0.4])


def test_every_class_appears_and_nothing_else(ordinary: list[Frame]) -> None:
    seen = set(np.unique(np.stack([frame.class_id for frame in ordinary])).tolist())
    assert seen == set(range(len(CLASSES)))


def test_no_anomaly_without_asking(ordinary: list[Frame]) -> None:
    assert not any(frame.anomaly.any() for frame in ordinary)


def test_anomalies_are_frequent_void_and_stand_on_the_road(strange: list[Frame]) -> None:
    with_anomaly = [frame for frame in strange if frame.anomaly.any()]
    assert 0.5 < len(with_anomaly) / len(strange) < 0.95
    on_road = 0
    for frame in with_anomaly:
        assert np.array_equal(frame.anomaly == 1, frame.class_id == 255)
        assert set(np.unique(frame.anomaly).tolist()) == {0, 1}
        rows, columns = np.nonzero(frame.anomaly)
        lowest = rows == rows.max()
        below = frame.class_id[min(rows.max() + 2, 179), columns[lowest]]
        on_road += int(np.isin(below, (0, 1, 255)).mean() > 0.5)
    # The rest stand behind somebody, or on the lower edge of the picture.
    assert on_road >= 0.8 * len(with_anomaly)


def test_an_anomaly_stays_while_the_camera_approaches() -> None:
    drive = StreetDrive(22, 180, 320, anomalies=True)
    seen = [bool(drive.frame(0.1 * i).anomaly.any()) for i in range(40)]
    changes = sum(a != b for a, b in pairwise(seen))
    assert sum(seen) > 8
    assert changes <= 8


@pytest.mark.parametrize("seed", [21, 23, 24, 26])
def test_the_street_is_unchanged_beyond_the_reach_of_its_anomalies(seed: int) -> None:
    with_them = StreetDrive(seed, anomalies=True).frame(2.0)
    without = StreetDrive(seed).frame(2.0)
    normal = with_them.anomaly == 0
    assert np.array_equal(with_them.class_id[normal], without.class_id[normal])
    changed = np.abs(with_them.image.astype(int) - without.image.astype(int)).max(axis=2) > 0
    # An anomaly dims the normal ground too, where its shadow falls; nothing above it may change.
    near = cv2.dilate(with_them.anomaly, np.ones((2 * REACH_PIXELS + 1,) * 2, np.uint8)) > 0
    ground = np.isin(without.class_id, (0, 1, 2, 8))
    ground = cv2.dilate(ground.astype(np.uint8), np.ones((33, 33), np.uint8)) > 0
    assert not (changed & ~near & ~ground).any()
    assert (changed & ~near).mean() < 0.1


def test_drives_of_one_camera_share_its_mount_and_not_their_streets() -> None:
    drives = [StreetDrive(seed, 180, 320, camera=10) for seed in (2, 3, 5, 8)]
    mounts = {(drive._focal, drive._mount, drive._horizon) for drive in drives}
    assert len(mounts) == 1
    assert not any(drive._mirrored for drive in drives), "all drive on the same side"
    first, second = (drive.frame(0.0).image.astype(float) for drive in drives[:2])
    assert np.abs(first - second).mean() > 8.0
    again = StreetDrive(2, 180, 320, camera=10).frame(0.0)
    assert same(again, drives[0].frame(0.0))
    other = StreetDrive(2, 180, 320, camera=11)
    assert (other._focal, other._mount, other._horizon) not in mounts
    with pytest.raises(ValueError, match="camera is -1; it must be 0 or more"):
        StreetDrive(2, 180, 320, camera=-1)


def test_motion_is_smooth() -> None:
    drive = StreetDrive(9, 180, 320)
    here, soon = (drive.frame(t).image.astype(float) for t in (1.0, 1.05))
    elsewhere = StreetDrive(10, 180, 320).frame(1.0).image.astype(float)
    assert np.abs(here - soon).mean() < 0.4 * np.abs(here - elsewhere).mean()
    before, after = (drive.frame(t).class_id for t in (1.0, 1.05))
    assert (before == after).mean() > 0.9


def test_seeds_differ(ordinary: list[Frame]) -> None:
    for a, b in pairwise(ordinary):
        assert np.abs(a.image.astype(float) - b.image.astype(float)).mean() > 8.0


def test_the_road_lies_below_the_sky(ordinary: list[Frame]) -> None:
    rows = np.arange(180)[:, None]
    for frame in ordinary:
        road, sky = frame.class_id == 0, frame.class_id == 9
        assert road.mean() > 0.05
        if sky.any():
            assert (rows * road).sum() / road.sum() > (rows * sky).sum() / sky.sum()


@pytest.mark.parametrize("t", [float("nan"), float("inf"), -float("inf")])
def test_time_must_be_finite(t: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        StreetDrive(0, 32, 32).frame(t)


@pytest.mark.parametrize(("seed", "height", "width"), [(0, 0, 640), (0, 360, -1), (-1, 360, 640)])
def test_bad_arguments_say_what_would_be_right(seed: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        StreetDrive(seed, height, width)


def test_a_slope_moves_the_road_and_changes_no_street() -> None:
    flat, rising = (StreetDrive(22, 180, 320, anomalies=True, slope=s) for s in (0.0, 0.03))
    assert same(flat.frame(1.0), StreetDrive(22, 180, 320, anomalies=True).frame(1.0))
    assert rising.mounting == flat.mounting, "what the camera is thought to be"
    shift = 0.03 * flat.mounting.focal
    for low, high in zip(flat.places(1.0), rising.places(1.0), strict=True):
        assert (high.forward, high.left) == (low.forward, low.left)
        assert high.box[3] == pytest.approx(low.box[3] - shift)
    with pytest.raises(ValueError, match=r"slope is 0\.5; it must be -0\.2 to 0\.2"):
        StreetDrive(1, slope=0.5)


@pytest.mark.parametrize("seed", [22, 21, 28])
def test_places_are_those_of_the_obstacles_ahead(seed: int) -> None:
    """The pictures of 21 and 28 are mirrored."""
    drive = StreetDrive(seed, 180, 320, anomalies=True)
    found = 0
    for t in np.arange(0.0, 12.0, 1.5):
        places = drive.places(float(t))
        assert len(places) == len(drive.anomalies_ahead(float(t)))
        label = drive.frame(float(t)).anomaly
        for place in places:
            left, top, right, bottom = (round(value) for value in place.box)
            box = label[max(top - 3, 0) : bottom + 4, max(left - 3, 0) : right + 4]
            found += int(box.any())
            box[...] = 0
        assert not label.any(), "nothing else is labelled"
    assert found
    assert StreetDrive(seed, 180, 320).places(1.0) == []
