# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Road that was driven over: its geometry by slow statements and by streets whose truth is known,
and its marks in a real detector of the tiny bundle."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.small_bag import camera_info_message
from helpers.tiny_bundle import seal, street_frame, write_tiny_bundle

from cosme_ros.adaptation import driven_over
from cosme_ros.adaptation.adaptation import open_adaptation
from cosme_ros.adaptation.driven_over import (
    MOST_AGE,
    MOST_FRAMES,
    REACH_M,
    SPACING_M,
    DrivenFrame,
    DrivenOver,
    driven_over_mask,
    inside_strip,
    mark_driven_over,
)
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.adaptation.vehicle_path import VehiclePath, VehiclePose
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.geometry.ground_source import GroundSource, pose_of_settings
from cosme_ros.inference.detector import Detector
from cosme_ros.parameters import ParameterError, Settings, check_settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from training.street_renderer.drive import StreetDrive

RULE = ObstacleRule(None, minimum_area=64)
HEIGHT, WIDTH = 180, 320
FOCAL = 300.0
MIDDLE = (150, 138, 20, 16)
"""In front of the vehicle, 4 to 6 m ahead, and some decimetres to both sides."""
SIDE = (260, 138, 20, 16)
STREET = street_frame(HEIGHT, WIDTH, box=MIDDLE)
SECOND = 10**9


def ground_of(*, d=(), model="plumb_bob", size=(HEIGHT, WIDTH), focal=FOCAL, centre=None, **more):
    height, width = size
    cx, cy = centre or (width / 2, height / 2)
    info = camera_info_message(0, height, width)
    info.k = np.array([focal, 0, cx, 0, focal, cy, 0, 0, 1.0])
    info.d, info.distortion_model = np.array(d, np.float64), model
    settings = Settings(**{"camera_height": 1.2, "camera_pitch": 0.05, "camera_x": 0.5, **more})
    return GroundSource().geometry(settings, pose_of_settings(settings), info, height, width)


def bend(metres=20.0, radius=25.0):
    """A way to the left, begun in another direction and place than the odometry's own."""
    path = VehiclePath()
    for number in range(round(metres / 0.2) + 1):
        angle = 0.2 * number / radius
        x, y = radius * math.sin(angle), radius * (1 - math.cos(angle))
        yaw = 0.7
        path.add(
            VehiclePose(
                number * SECOND // 10,
                30.0 + math.cos(yaw) * x - math.sin(yaw) * y,
                -8.0 + math.sin(yaw) * x + math.cos(yaw) * y,
                yaw + angle,
            )
        )
    return path


# Geometry


def pixel_of(point, settings, d, equidistant):
    """Where a point of the road is seen, by cv2's projection from space to the image."""
    forward = point[0] - settings.camera_x
    pitch = settings.camera_pitch
    # In the camera's optical frame, by hand: right, down, forward.
    right, down = -point[1], settings.camera_height
    optical = np.array(
        [right, math.cos(pitch) * down - math.sin(pitch) * forward,
         math.sin(pitch) * down + math.cos(pitch) * forward]
    )  # fmt: skip
    matrix = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1.0]])
    zero = np.zeros(3)
    if equidistant:
        found, _ = cv2.fisheye.projectPoints(optical[None, None], zero, zero, matrix, np.array(d))
    else:
        found, _ = cv2.projectPoints(optical[None, None], zero, zero, matrix, np.array(d))
    return found[0, 0]


@pytest.mark.parametrize(
    ("model", "d"),
    [("plumb_bob", [-0.2, 0.05, 0.001, -0.001, 0.0]), ("equidistant", [-0.02, 0.004, 0.0, 0.0])],
)
def test_pixels_are_inside_where_the_road_that_they_show_was_driven_over(model, d):
    """Stated the other way round: from points of the road, whose distance to the bend is known."""
    radius, length, width = 25.0, 14.0, 1.6
    settings = Settings(camera_height=1.2, camera_pitch=0.05, camera_x=0.5)
    path = bend(length, radius)
    pose = path.at(0)
    driven = DrivenFrame(
        None, ground_of(d=d, model=model, pitch_sigma=0.0), pose, path.since(pose), width
    )
    points = [(x, y) for x in np.arange(3.0, 18.0, 0.5) for y in np.arange(-4.0, 7.0, 0.25)]
    expected, pixels = [], []
    for x, y in points:
        beside = math.hypot(x, y - radius) - radius  # of the circle's line
        along = radius * math.atan2(x, radius - y)
        off = min(width / 2 - abs(beside), length - along)
        if abs(off) > 0.03:  # a polygon is no circle, and its corners are left out
            expected.append(off > 0)
            pixels.append(pixel_of((x, y), settings, d, model == "equidistant"))
    expected = np.array(expected)
    assert 50 < expected.sum() < len(expected) / 2
    np.testing.assert_array_equal(inside_strip(np.array(pixels), driven), expected)


def every_pixel(height=HEIGHT, width=WIDTH):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).reshape(-1, 2) * 1.0


def test_what_is_uncertain_is_outside():
    path = bend()
    pose = path.at(0)
    counts, before = [], None
    for sigma in (0.0, 0.005, 0.01, 0.03):
        driven = DrivenFrame(None, ground_of(pitch_sigma=sigma), pose, path.since(pose), 1.6)
        inside = inside_strip(every_pixel(), driven)
        assert before is None or not (inside & ~before).any()
        before = inside if before is None else before
        counts.append(int(inside.sum()))
    assert counts[0] > counts[1] > counts[2] > counts[3] > 0


def test_nothing_above_the_horizon_is_inside():
    path = bend()
    pose = path.at(0)
    driven = DrivenFrame(None, ground_of(pitch_sigma=0.0), pose, path.since(pose), 100.0)
    inside = inside_strip(every_pixel(), driven).reshape(HEIGHT, WIDTH)
    horizon = HEIGHT / 2 - FOCAL * math.tan(0.05)
    assert not inside[: math.ceil(horizon)].any()
    assert inside[-1].any()


def vehicle_pose(drive, t):
    camera = drive._camera(t)
    # The renderer's x is to the right, z forward, and its yaw positive to the right.
    return VehiclePose(round(t * 1e9), camera.z, -camera.x, -camera.yaw)


def test_on_streets_no_obstacle_beside_or_beyond_the_driven_strip_is_inside():
    """The truth: where the renderer's obstacles stand, and where its vehicle drives."""
    size = (360, 640)
    width = 1.5
    outside = over = 0
    for road in (900_000, 900_001, 900_004):
        drive = StreetDrive(road, *size, anomalies=True, camera=3)
        mount = drive.mounting
        ground = ground_of(
            size=size, focal=mount.focal, centre=mount.centre,
            camera_height=mount.height, camera_pitch=0.0, camera_x=0.0,
        )  # fmt: skip
        for t in np.arange(0.0, 20.0, 1.0):
            places = drive.places(float(t))
            if not places:
                continue
            end = t + REACH_M / drive.speed_m_s
            path = VehiclePath()
            for moment in np.arange(t, end, 0.05):
                path.add(vehicle_pose(drive, float(moment)))
            pose, last = path.at(round(t * 1e9)), path.newest
            driven = DrivenFrame(None, ground, pose, path.since(pose), width)
            label = drive.frame(float(t)).anomaly
            for place in places:
                left, top, right, bottom = (round(v) for v in place.box)
                seen = np.zeros_like(label)
                box = np.s_[max(top, 0) : bottom + 3, max(left, 0) : right + 2]
                seen[box] = label[box]
                rows, columns = np.nonzero(seen)
                if len(rows) < 20:
                    continue
                whole = inside_strip(np.stack([columns, rows], axis=1) * 1.0, driven).all()
                (foot,) = pose.of_vehicle(np.array([[place.forward, place.left]]))
                from_way = np.hypot(*(driven.way - foot).T).min()
                beyond = place.forward > math.hypot(last.x - pose.x, last.y - pose.y)
                if beyond or from_way > width / 2:
                    outside += 1
                    assert not whole, (road, t, place)
                elif whole:
                    over += 1
    assert outside >= 30
    assert over >= 1, "nothing was ever inside: the test could not fail"


# Marks


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture(scope="module")
def stained(tmp_path_factory):
    """A bundle that takes magenta for road: an alarm there is a stain, and false."""
    return load_bundle(write_stained_bundle(tmp_path_factory.mktemp("bundle") / "stained"))


def write_stained_bundle(folder):
    write_tiny_bundle(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for magenta in (2, 3):
        manifest["classes"][magenta]["drivable"] = True
    seal(folder, manifest)
    return folder


def seen(detector, image=STREET, stamp=0):
    return RecentFrame("", stamp, image, detector.detect(image), RULE)


def straight(frame, metres=20.0, width=3.0, **more):
    way = np.stack([np.arange(0.0, metres, 0.2), np.zeros(len(np.arange(0.0, metres, 0.2)))], 1)
    return DrivenFrame(frame, ground_of(**more), VehiclePose(0, 0.0, 0.0, 0.0), way, width)


def test_a_stain_that_was_driven_over_is_marked_and_silent(stained, tmp_path):
    detector = Detector(stained, provider="cpu")
    marks = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)
    marks.remember(seen(detector, street_frame(HEIGHT, WIDTH)))
    frame = seen(detector, stamp=SECOND)
    assert frame.detection.score.max() >= 1
    answer = mark_driven_over(straight(frame), stained.drivable_class_ids, marks)
    assert answer is not None and answer.success, answer
    (mark,) = marks.marks
    assert (mark.source, mark.forced, mark.stamp) == ("driven over", False, SECOND)
    assert detector.detect(STREET).score.max() < 1
    assert marks.save().success
    again = open_adaptation(
        Detector(stained, provider="cpu"), tmp_path / "marks.jsonl", who="b", limit=50
    )
    assert [mark.source for mark in again.marks] == ["driven over"]
    assert marks.undo().success
    assert detector.detect(STREET).score.max() >= 1


@pytest.mark.parametrize(
    "driven",
    [
        lambda frame: straight(frame, metres=5.0),
        lambda frame: straight(frame, width=0.3),
        lambda frame: replace(straight(frame), way=straight(frame).way + np.array([0.0, 2.5])),
        lambda frame: straight(frame, pitch_sigma=0.2),
    ],
    ids=["not reached", "wider than the strip", "driven around", "uncertain"],
)
def test_what_was_not_driven_over_is_not_in_the_mask(stained, driven):
    frame = seen(Detector(stained, provider="cpu"))
    assert driven_over_mask(straight(frame), stained.drivable_class_ids).any()
    assert not driven_over_mask(driven(frame), stained.drivable_class_ids).any()


def test_of_two_alarms_the_one_that_was_driven_over_is_in_the_mask(stained):
    image = STREET.copy()
    x, y, w, h = SIDE
    image[y : y + h, x : x + w] = (230, 20, 230)
    frame = seen(Detector(stained, provider="cpu"), image)
    mask = driven_over_mask(straight(frame), stained.drivable_class_ids)
    assert mask[146, 160] and not mask[:, 220:].any()


def test_a_mark_that_would_silence_an_alarm_beside_the_strip_is_refused(stained, tmp_path):
    image = STREET.copy()
    x, y, w, h = SIDE
    image[y : y + h, x : x + w] = (230, 20, 230)
    detector = Detector(stained, provider="cpu")
    marks = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)
    frame = seen(detector, image)
    marks.remember(frame)
    answer = mark_driven_over(straight(frame), stained.drivable_class_ids, marks)
    assert answer is not None and not answer.success
    assert "other alarms of the frame: 1, of which it silences 1 too" in answer.message
    assert marks.marks == () and detector.detect(image).score.max() >= 1


def test_what_is_not_taken_for_road_is_not_in_the_mask(bundle):
    """Somebody who walked away before the vehicle came: their place was driven over."""
    frame = seen(Detector(bundle, provider="cpu"))
    driven = straight(frame)
    assert driven_over_mask(driven, (0, 2, 3)).any()
    assert not driven_over_mask(driven, bundle.drivable_class_ids).any()


def test_the_guard_refuses_though_it_was_driven_over(stained, bundle, tmp_path):
    """By its own knowledge of the road: here it is asked about a thing that stands there."""
    detector = Detector(bundle, provider="cpu")
    marks = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)
    frame = seen(detector)
    marks.remember(frame)
    answer = mark_driven_over(straight(frame), (0, 2, 3), marks)
    assert answer is not None and not answer.success
    assert "may be an obstacle on the road" in answer.message
    detector = Detector(stained, provider="cpu")
    marks = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)
    frame = seen(detector, street_frame(HEIGHT, WIDTH, box=(20, 130, 280, 48)))
    marks.remember(frame)
    answer = mark_driven_over(straight(frame, metres=200.0, width=100.0), (0, 1, 2, 3), marks)
    assert answer is not None and "of the drivable area" in answer.message
    assert marks.marks == ()


def test_a_mark_of_a_camera_without_a_result_is_refused_whole(stained, tmp_path):
    detector = Detector(stained, provider="cpu")
    marks = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)
    answer = mark_driven_over(straight(seen(detector)), stained.drivable_class_ids, marks)
    assert answer is not None and not answer.success and "no result yet" in answer.message
    assert marks.marks == () and marks.unsaved == 0


def test_marks_that_nobody_made_leave_half_of_the_limit_to_people(stained, tmp_path):
    detector = Detector(stained, provider="cpu")
    frame = seen(detector)

    def learned(limit):
        marks = open_adaptation(detector, tmp_path / "no.jsonl", who="a test", limit=limit)
        marks.remember(frame)
        answer = mark_driven_over(straight(frame), stained.drivable_class_ids, marks)
        found = marks.marks
        marks.forget()
        return answer, found

    _, (mark,) = learned(1000)
    most = max(len(rows) for rows in mark.prototypes.values())
    assert learned(2 * most)[0].success
    answer, found = learned(2 * most - 1)
    assert not answer.success and f"at most {most - 1} may be added" in answer.message
    assert found == ()
    marks = open_adaptation(detector, tmp_path / "no.jsonl", who="a test", limit=most)
    marks.remember(frame)
    assert marks.mark_alarms("", guard=True).success


# Waiting


def waiting(frame, driven, metres, *, every=0.5, start=0):
    """Drive on with a frame every half metre; what is due, not judged."""
    due = []
    for number in range(round(metres / every)):
        stamp = start + (number + 1) * SECOND // 10
        found = driven.add_pose(VehiclePose(stamp, stamp / SECOND * 10 * every, 0.0, 0.0))
        if found is not None:
            due.append(found)
        driven.add_frame(replace(frame, stamp=stamp), ground_of())
    return due


@pytest.fixture(scope="module")
def alarm(stained):
    return seen(Detector(stained, provider="cpu"))


def test_a_frame_is_due_when_the_vehicle_is_far_enough(alarm):
    driven = DrivenOver(width=1.5, period=0.0)
    (due,) = waiting(alarm, driven, 13.0)
    assert due.frame.stamp == SECOND // 10
    assert due.way[0].tolist() == [due.pose.x, due.pose.y]
    gone = math.hypot(*(due.way[-1] - due.way[0]))
    assert REACH_M <= gone < REACH_M + 1.0
    # While it is judged there is no other; afterwards the next, SPACING_M of way later.
    driven.release(tried=False)
    (after,) = waiting(alarm, driven, 2.0, start=26 * SECOND // 10)
    assert after.pose.x - due.pose.x == pytest.approx(SPACING_M)


def test_frames_without_an_alarm_do_not_wait(stained):
    quiet = seen(Detector(stained, provider="cpu"), street_frame(HEIGHT, WIDTH))
    assert waiting(quiet, DrivenOver(width=1.5, period=0.0), 40.0) == []


def test_there_is_one_try_a_period(alarm):
    tries = []
    driven = DrivenOver(width=1.5, period=10.0)
    for number in range(600):
        stamp = number * SECOND // 10
        if driven.add_pose(VehiclePose(stamp, 0.5 * number, 0.0, 0.0)) is not None:
            tries.append(stamp)
            driven.release(tried=True)
        driven.add_frame(replace(alarm, stamp=stamp), ground_of())
    assert len(tries) == 6
    assert min(np.diff(tries)) >= 10 * SECOND


def test_what_waits_is_bounded_and_grows_old(alarm, monkeypatch):
    driven = DrivenOver(width=1.5, period=1e4)
    driven._busy = True
    waiting(alarm, driven, 200.0)
    assert len(driven._waiting[""]) == MOST_FRAMES
    monkeypatch.setattr(driven_over, "MOST_BYTES", 2 * alarm.image.nbytes)
    waiting(alarm, driven, 10.0, start=40 * SECOND)
    assert len(driven._waiting[""]) == 2
    for number in range(MOST_AGE // SECOND * 2 + 2):
        driven.add_pose(VehiclePose(42 * SECOND + (number + 1) * SECOND // 2, 210.0, 0.0, 0.0))
    assert len(driven._waiting[""]) == 0


def test_a_jump_of_the_odometry_forgets_what_waits(alarm):
    driven = DrivenOver(width=1.5, period=0.0)
    waiting(alarm, driven, 10.0)
    stamp = 3 * SECOND
    assert driven.add_pose(VehiclePose(stamp, 500.0, 0.0, 0.0)) is None
    for number in range(1, 100):
        pose = VehiclePose(stamp + number * SECOND // 10, 500.0 + number, 0.0, 0.0)
        assert driven.add_pose(pose) is None


def test_a_frame_of_another_clock_is_counted(alarm):
    driven = DrivenOver(width=1.5, period=0.0)
    driven.add_pose(VehiclePose(SECOND, 0.0, 0.0, 0.0))
    driven.add_frame(replace(alarm, stamp=10**18), ground_of())
    for number in range(1, 60):
        assert (
            driven.add_pose(VehiclePose(SECOND + number * SECOND // 10, number, 0.0, 0.0)) is None
        )
    assert driven.without_pose == 1


# Parameters


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"camera_height": 1.0}, "nothing can be marked; 'marks'"),
        ({"marks": "marks.jsonl"}, "the camera's pose is not known"),
    ],
)
def test_what_it_needs_is_asked_for_at_configure(more, sentence):
    values = {**Settings(bundle="a bundle", driven_over=True).__dict__, **more}
    with pytest.raises(ParameterError, match=sentence):
        check_settings(SimpleNamespace(**values).__dict__)
