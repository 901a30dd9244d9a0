# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from helpers.message_classes import message_class, serialised_and_back
from helpers.small_bag import header

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.messages.camera_model import ImagePlane, uncalibrated_plane
from cosme_ros.obstacle_messages.markers import LIFETIME, fill_markers
from cosme_ros.postprocessing.obstacles import find_obstacles, outlines

HEIGHT, WIDTH = 720, 1280
PLANE = ImagePlane(800.0, 810.0, 640.0, 360.0, calibrated=True)
Marker = message_class("visualization_msgs/msg/Marker")
HEADER = header(1_700_000_000_123_456_789)


def markers(score: np.ndarray, plane: ImagePlane = PLANE, positions=None):
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    message = message_class("visualization_msgs/msg/MarkerArray")()
    fill_markers(
        message,
        Marker,
        message_class("geometry_msgs/msg/Point"),
        HEADER,
        obstacles,
        outlines(mask, obstacles),
        plane,
        height=HEIGHT,
        width=WIDTH,
        positions=positions,
    )
    return serialised_and_back(message).markers


def two_boxes() -> np.ndarray:
    score = np.zeros((HEIGHT, WIDTH), np.float32)
    score[400:450, 200:300] = 1.5
    score[500:520, 700:710] = 2.5
    return score


def pixels(marker, plane: ImagePlane = PLANE) -> np.ndarray:
    points = np.array([(p.x, p.y, p.z) for p in marker.points])
    assert (points[:, 2] == 1.0).all()
    return points[:, :2] * [plane.fx, plane.fy] + [plane.cx, plane.cy]


def test_old_markers_go_first_and_every_marker_has_the_images_header() -> None:
    found = markers(two_boxes())
    assert [m.action for m in found] == [Marker.DELETEALL, *[Marker.ADD] * 4]
    assert all(m.header == HEADER for m in found)
    assert all((m.lifetime.sec, m.lifetime.nanosec) == (LIFETIME, 0) for m in found[1:])
    assert len({(m.ns, m.id) for m in found[1:]}) == 4


def test_without_obstacles_only_the_old_ones_go() -> None:
    (only,) = markers(np.zeros((HEIGHT, WIDTH), np.float32))
    assert only.action == Marker.DELETEALL


@pytest.mark.parametrize("plane", [PLANE, uncalibrated_plane(WIDTH, HEIGHT)])
def test_outlines_are_closed_lines_around_the_obstacles(plane: ImagePlane) -> None:
    lines = [m for m in markers(two_boxes(), plane) if m.type == Marker.LINE_STRIP]
    boxes = [(700, 500, 709, 519), (200, 400, 299, 449)]  # the higher peak first
    for line, (left, top, right, bottom) in zip(lines, boxes, strict=True):
        seen = pixels(line, plane)
        np.testing.assert_array_equal(seen[0], seen[-1])
        corners = {(left, top), (right, top), (right, bottom), (left, bottom)}
        assert {tuple(corner) for corner in seen.round(6)} == corners
        assert line.scale.x * plane.fx == pytest.approx(3.0)
        assert (line.color.r, line.color.g, line.color.b, line.color.a) == (0, 1, 1, 1)


def test_the_peak_score_stands_above_the_outline() -> None:
    texts = [m for m in markers(two_boxes()) if m.type == Marker.TEXT_VIEW_FACING]
    assert [m.text for m in texts] == ["2.5", "1.5"]
    for text, top in zip(texts, (500, 400), strict=True):
        height = text.scale.z * PLANE.fy
        assert height == pytest.approx(HEIGHT / 30)
        position = text.pose.position
        assert position.z == 1.0
        assert position.y * PLANE.fy + PLANE.cy + height / 2 < top


def test_an_obstacle_one_pixel_wide_has_an_outline() -> None:
    score = np.zeros((HEIGHT, WIDTH), np.float32)
    score[100, 200] = 1.5
    score[300:340, 500] = 1.2
    lines = [m for m in markers(score) if m.type == Marker.LINE_STRIP]
    for line, (x, y, height) in zip(lines, ((200, 100, 1), (500, 300, 40)), strict=True):
        seen = pixels(line)
        np.testing.assert_allclose(seen.min(axis=0), (x - 0.5, y - 0.5))
        np.testing.assert_allclose(seen.max(axis=0), (x + 0.5, y - 0.5 + height))


def test_guessed_directions_say_so() -> None:
    for plane, guessed in ((PLANE, False), (uncalibrated_plane(WIDTH, HEIGHT), True)):
        for marker in markers(two_boxes(), plane)[1:]:
            assert marker.ns.endswith("(uncalibrated)") == guessed


def test_an_obstacle_whose_place_is_known_is_outlined_there() -> None:
    place = ObstaclePosition(
        x=12.0,
        y=0.5,
        range=12.04,
        bearing=0.04,
        width=1.0,
        height=0.5,
        range_sigma=0.5,
        bearing_sigma=0.01,
        width_sigma=0.1,
        depth=12.0,
        foot_line=np.zeros((5, 2)),
    )
    near, far = markers(two_boxes(), positions=[None, place]), markers(two_boxes())
    assert near[1].points == far[1].points, "the first has no place"
    assert (near[2].text, near[2].pose) == (far[2].text, far[2].pose)
    line, text = near[3:]
    points = np.array([(p.x, p.y, p.z) for p in line.points])
    np.testing.assert_allclose(points[:, 2], 12.0)
    # The same pixels, and as wide and high in the image as without a place.
    plain = np.array([(p.x, p.y, p.z) for p in far[3].points])
    np.testing.assert_allclose(points / 12.0, plain)
    assert line.scale.x == pytest.approx(12.0 * far[3].scale.x)
    assert text.scale.z == pytest.approx(12.0 * far[4].scale.z)
    assert text.text == "1.5, 12.0 m"
