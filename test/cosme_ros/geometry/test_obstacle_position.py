# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Positions of obstacles against points that are projected one by one.

An obstacle is built of points in the vehicle's frame; each is brought to its pixel by the pinhole's
definition (`pixel_of`), the pixels between them are filled, and the position is found from these.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers.small_bag import camera_info_message

from cosme_ros.geometry.camera_pose import pose_from_angles
from cosme_ros.geometry.camera_rays import camera_rays
from cosme_ros.geometry.ground_source import GroundSource, pose_of_settings
from cosme_ros.geometry.obstacle_position import (
    POINT_SPACING,
    GroundGeometry,
    ObstaclePosition,
    locate_obstacles,
)
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacles import contours, find_obstacles

# Large, so that rounding to whole pixels is a small error: half a pixel is 2.5e-4 radians.
WIDTH, HEIGHT, FOCAL = 2560, 1440, 2000.0
MIDDLE = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
HALF_PIXEL = 0.5 / FOCAL


def geometry(**changes) -> GroundGeometry:
    info = camera_info_message(0, HEIGHT, WIDTH)
    info.k = np.array([FOCAL, 0, MIDDLE[0], 0, FOCAL, MIDDLE[1], 0, 0, 1])
    info.d = np.zeros(5)
    angles = {"height": 1.5, **changes}
    return GroundGeometry(
        rays=camera_rays(info, WIDTH, HEIGHT, rectified=False),
        pose=pose_from_angles(**angles),
        frame_id="base_link",
        point_height=0.2,
        pitch_sigma=0.005,
        foot_sigma=2.0,
        maximum_range=60.0,
    )


def pixel_of(point, *, height, x=0.0, y=0.0, pitch=0.0, roll=0.0, yaw=0.0):
    """The pixel of a point of the vehicle's frame, angle by angle."""
    forward, left, up = point[0] - x, point[1] - y, point[2] - height
    forward, left = (
        math.cos(yaw) * forward + math.sin(yaw) * left,
        -math.sin(yaw) * forward + math.cos(yaw) * left,
    )
    forward, up = (
        math.cos(pitch) * forward - math.sin(pitch) * up,
        math.sin(pitch) * forward + math.cos(pitch) * up,
    )
    left, up = (
        math.cos(roll) * left + math.sin(roll) * up,
        -math.sin(roll) * left + math.cos(roll) * up,
    )
    return MIDDLE[0] - FOCAL * left / forward, MIDDLE[1] - FOCAL * up / forward


def mask_of(points, **pose) -> np.ndarray:
    """The region of a convex thing with these corners: the pixels whose centres are inside."""
    pixels = np.array([pixel_of(point, **pose) for point in points])
    hull = cv2.convexHull(pixels.astype(np.float32))[:, 0].astype(np.float64)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    sides = []
    for (x0, y0), (x1, y1) in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        sides.append((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))
    inside = np.all([side <= 0 for side in sides], axis=0) | np.all(
        [side >= 0 for side in sides], axis=0
    )
    return np.where(inside, 255, 0).astype(np.uint8)


def located(mask: np.ndarray, ground: GroundGeometry) -> ObstaclePosition | None:
    score = np.where(mask > 0, 2.0, 0.0).astype(np.float32)
    shown, obstacles = find_obstacles(score, region=None, minimum_area=1)
    assert len(obstacles) == 1
    (found,) = locate_obstacles(contours(shown, obstacles), ground)
    return found


def panel(distance: float, bearing: float, width: float, tall: float, *, bottom=0.0, x=0.0, y=0.0):
    """Corners of an upright panel that faces the camera at (x, y)."""
    cos, sin = math.cos(bearing), math.sin(bearing)
    half = width / 2
    return [
        (x + distance * cos - side * sin, y + distance * sin + side * cos, up)
        for side in (-half, half)
        for up in (bottom, bottom + tall)
    ]


POSES = [
    {"height": 1.5},
    {"height": 1.3, "pitch": 0.12, "x": 1.8, "y": -0.2},
    {"height": 2.2, "pitch": 0.2, "roll": -0.15, "yaw": 0.3},
    {"height": 0.4, "pitch": -0.02},
    {"height": 1.5, "roll": math.pi / 2},  # mounted on its side
]


@pytest.mark.parametrize("pose", POSES, ids=str)
@pytest.mark.parametrize("distance", [5.0, 12.0, 30.0])
def test_a_known_thing_is_found_where_it_is(pose, distance) -> None:
    bearing = 0.05 + pose.get("yaw", 0.0)
    place = {"x": pose.get("x", 0.0), "y": pose.get("y", 0.0)}
    mask = mask_of(panel(distance, bearing, 0.8, 0.6, **place), **pose)
    found = located(mask, geometry(**pose))
    # An edge is off by half a pixel, and that of a slanted one by a pixel.
    angle = 2 * HALF_PIXEL
    tolerance = (distance**2 + pose["height"] ** 2) / pose["height"] * angle
    # Its ends are further away than its middle, which is what is nearest.
    bend = 0.8**2 / 8 / distance
    assert found.range == pytest.approx(distance, abs=tolerance + bend)
    assert found.bearing == pytest.approx(bearing, abs=angle)
    assert found.width == pytest.approx(0.8, abs=0.8 * tolerance / distance + 2 * angle * distance)
    assert found.height == pytest.approx(
        0.6, abs=(tolerance + bend) * 1.5 / distance + angle * distance
    )
    assert found.x == pytest.approx(place["x"] + found.range * math.cos(found.bearing))
    assert found.y == pytest.approx(place["y"] + found.range * math.sin(found.bearing))
    # Depth is along the camera's axis, from the camera.
    seen = pixel_of((found.x, found.y, 0.0), **pose)
    straight = np.array([(seen[0] - MIDDLE[0]) / FOCAL, (seen[1] - MIDDLE[1]) / FOCAL, 1.0])
    assert found.depth == pytest.approx(
        math.hypot(found.range, pose["height"]) / float(np.linalg.norm(straight))
    )


def test_the_horizon_and_what_is_above_it_is_nowhere() -> None:
    ground = geometry(height=1.5)
    above = mask_of(panel(20.0, 0.0, 1.0, 1.0, bottom=1.6), height=1.5)
    assert located(above, ground) is None
    level = np.zeros((HEIGHT, WIDTH), np.uint8)
    level[700:719, 100:200] = 255  # ends half a pixel above the horizon, at 719.5
    assert located(level, ground) is None
    level[719:721, 100:200] = 255  # half a pixel below it: further away than 60 m
    assert located(level, ground) is None
    level[721:790, 100:200] = 255
    assert located(level, ground).range == pytest.approx(1.5 * FOCAL / 70.5 * 1.0, rel=0.2)


def test_the_maximum_range_is_a_limit() -> None:
    mask = mask_of(panel(30.0, 0.0, 1.0, 0.5), height=1.5)
    assert located(mask, geometry(height=1.5)) is not None
    assert located(mask, replace(geometry(height=1.5), maximum_range=25.0)) is None


def test_points_mark_the_width_closely_enough_for_a_costmap() -> None:
    mask = mask_of(panel(8.0, -0.1, 1.2, 0.5), height=1.5)
    found = located(mask, geometry(height=1.5))
    line = found.foot_line
    assert np.linalg.norm(np.diff(line, axis=0), axis=1).max() <= POINT_SPACING * 1.05
    assert np.linalg.norm(line[0] - line[-1]) == pytest.approx(1.2, abs=0.02)
    assert line[0, 1] > line[-1, 1], "from left to right"
    np.testing.assert_allclose(np.hypot(*line.T), 8.0, atol=0.1)


def test_a_corner_towards_the_camera_stays_one() -> None:
    """A box of 1 m turned by 45 degrees: its near side is a V."""
    half = math.sqrt(0.5)
    corners = [(10.0, 0.0), (10.0 + half, half), (10.0 + half, -half), (10.0 + 2 * half, 0.0)]
    mask = mask_of([(x, y, up) for x, y in corners for up in (0.0, 0.5)], height=1.5)
    found = located(mask, geometry(height=1.5))
    line = found.foot_line
    assert found.range == pytest.approx(10.0, abs=0.05)
    middle = line[len(line) // 2]
    np.testing.assert_allclose(middle, [10.0, 0.0], atol=0.1)
    for end, side in ((line[0], 1), (line[-1], -1)):
        np.testing.assert_allclose(end, [10.0 + half, side * half], atol=0.1)


def test_what_bulges_above_the_road_reaches_back_by_half_of_its_width() -> None:
    """A ball of 0.6 m: the image's rim at its sides is above the road, and would be far behind."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    u, v = pixel_of((10.0, 0.0, 0.3), height=1.5)
    cv2.circle(mask, (round(u), round(v)), round(0.3 / 10.0 * FOCAL), 255, -1)
    found = located(mask, geometry(height=1.5))
    away = np.hypot(*found.foot_line.T)
    assert away.min() == pytest.approx(found.range, abs=0.02)
    assert away.max() <= found.range + found.width / 2 + 1e-9


def test_legs_are_joined() -> None:
    """Two legs, 1 m apart, with the body above: the body's underside is not on the road."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for left, right, bottom, top in ((-0.5, -0.4, 0, 0.6), (0.4, 0.5, 0, 0.6), (-0.5, 0.5, 0.4, 1)):
        corners = [(12.0, side, up) for side in (left, right) for up in (bottom, top)]
        mask |= mask_of(corners, height=1.5)
    found = located(mask, geometry(height=1.5))
    np.testing.assert_allclose(np.hypot(*found.foot_line.T), 12.0, atol=0.12)


@pytest.mark.parametrize("distance", [6.0, 15.0, 30.0])
@pytest.mark.parametrize("bearing", [0.0, 0.5])
def test_uncertainty_is_what_many_draws_spread(distance, bearing) -> None:
    """Draw pitch and edges at random, place the obstacle each time by the slow way."""
    pose = {"height": 1.5, "pitch": 0.05}
    ground = geometry(**pose)
    mask = mask_of(panel(distance, bearing, 1.0, 0.5), **pose)
    found = located(mask, ground)
    rng = np.random.default_rng(3)
    cos, sin = math.cos(bearing), math.sin(bearing)
    ranges, middles, widths = [], [], []
    for _ in range(4000):
        pitch = 0.05 + rng.normal(0.0, ground.pitch_sigma)
        ends = []
        row_error = rng.normal(0.0, ground.foot_sigma)  # the lower edge is one edge
        for side in (-0.5, 0.5):
            point = (distance * cos - side * sin, distance * sin + side * cos, 0.0)
            u, v = pixel_of(point, **pose)
            u += rng.normal(0.0, ground.foot_sigma)
            v += row_error
            along, left, up = 1.0, -(u - MIDDLE[0]) / FOCAL, -(v - MIDDLE[1]) / FOCAL
            forward = math.cos(pitch) * along + math.sin(pitch) * up
            height = -math.sin(pitch) * along + math.cos(pitch) * up
            ends.append((forward / -height * 1.5, left / -height * 1.5))
        (x0, y0), (x1, y1) = ends
        ranges.append(math.hypot((x0 + x1) / 2, (y0 + y1) / 2))
        middles.append(math.atan2(y0 + y1, x0 + x1))
        widths.append(math.hypot(x1 - x0, y1 - y0))
    # By derivatives: a spread of a third of the range is no longer small, and draws are skewed.
    core = np.percentile(ranges, [15.87, 84.13])
    assert found.range_sigma == pytest.approx((core[1] - core[0]) / 2, rel=0.1)
    assert found.bearing_sigma == pytest.approx(np.std(middles), rel=0.1)
    core = np.percentile(widths, [15.87, 84.13])
    assert found.width_sigma == pytest.approx((core[1] - core[0]) / 2, rel=0.1)
    along, across = np.linalg.eigvalsh(found.covariance)[::-1]
    assert math.sqrt(along) == pytest.approx(found.range_sigma)
    assert math.sqrt(across) == pytest.approx(found.range * found.bearing_sigma)


def test_every_obstacle_has_its_entry_in_order() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[900:1000, 300:400] = 255
    mask[100:200, 300:400] = 255
    score = np.where(mask > 0, 2.0, 0.0).astype(np.float32)
    score[150, 350] = 3.0
    shown, obstacles = find_obstacles(score, region=None, minimum_area=1)
    found = locate_obstacles(contours(shown, obstacles), geometry(height=1.5))
    assert found[0] is None and found[1] is not None
    assert locate_obstacles((), geometry(height=1.5)) == ()


def test_a_camera_that_looks_straight_down_places_what_is_below_it() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[1300:1400, 1230:1330] = 255
    found = located(mask, geometry(height=3.0, pitch=math.pi / 2))
    # The lower edge of the image is behind the camera; the near side is the upper one.
    assert found.range == pytest.approx(3.0 * (1300 - 0.5 - MIDDLE[1]) / FOCAL, rel=1e-3)
    assert abs(found.bearing) > 3.0


def test_where_the_lens_ends_everything_stays_a_number() -> None:
    """x (1 - 0.9 r^2) is at most 0.41: the lens sees 811 pixels far, and the region is larger."""
    ground = geometry(height=1.5)
    bent = replace(ground.rays, distortion=np.array([-0.9, 0.0, 0.0, 0.0, 0.0]))
    rim = np.array([[900, 400], [2300, 400], [2300, 1435], [900, 1435]], np.int32)
    (found,) = locate_obstacles([rim], replace(ground, rays=bent))
    assert found is not None
    sigmas = (found.range_sigma, found.bearing_sigma, found.width_sigma)
    assert all(0.0 < sigma < 10.0 for sigma in sigmas)
    assert np.isfinite(found.covariance).all() and np.isfinite(found.foot_line).all()


def test_no_camera_info_makes_a_place_that_is_no_number() -> None:
    """What a broken or hostile driver may send is refused, or gives no place, or a finite one."""
    rng = np.random.default_rng(5)
    odd = [0.0, -1.0, 1e-300, 1e300, -1e300, math.nan, math.inf, 1e9, 5e-324]
    lengths = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4, "": 2}
    settings = Settings(camera_height=1.5, camera_pitch=0.1)
    rim = np.array([[100, 200], [400, 200], [400, 330], [100, 330]], np.int32)
    refused = placed = 0
    for _ in range(400):
        info = camera_info_message(0, 360, 640)
        info.k = np.array([500.0, 0, 320, 0, 500, 180, 0, 0, 1])
        info.distortion_model = str(rng.choice(list(lengths)))
        info.d = rng.normal(0.0, 0.2, lengths[info.distortion_model])
        for values in (info.k, info.d):
            for index in rng.integers(0, len(values), rng.integers(0, 3)):
                values[index] = rng.choice(odd)
        try:
            pose = pose_of_settings(settings)
            with np.errstate(all="ignore"):
                ground = GroundSource().geometry(settings, pose, info, 360, 640)
                (found,) = locate_obstacles([rim], ground)
        except ValueError:
            refused += 1
            continue
        if found is not None:
            placed += 1
            numbers = vars(found) | {"foot_line": 0.0}
            assert all(math.isfinite(number) for number in numbers.values()), info
            assert np.isfinite(found.foot_line).all()
            assert found.range <= settings.maximum_range
    assert refused > 100 and placed > 50
