# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Lens and pose against slow statements of their definitions.

The distortion models are stated here as OpenCV's documentation and CameraInfo's comments have them,
by the cosine, sine and polynomials of one point: from a point in space to its pixel. The code under
test goes the other way.
"""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.small_bag import camera_info_message

from cosme_ros.geometry.camera_pose import pose_from_angles, pose_from_transform
from cosme_ros.geometry.camera_rays import camera_rays

WIDTH, HEIGHT = 640, 360
K = np.array([500.0, 0, 322, 0, 510, 178, 0, 0, 1])
P = np.array([450.0, 0, 318, 0, 0, 455, 181, 0, 0, 0, 1, 0])
PLUMB_BOB = [-0.28, 0.09, 0.0012, -0.0008, -0.012]
RATIONAL = [0.9, 0.15, -0.0006, 0.0004, 0.003, 1.2, 0.3, 0.02]
EQUIDISTANT = [-0.021, 0.004, -0.002, 0.0004]


def camera_info(model="plumb_bob", d=(), *, k=K, p=P, binning=(0, 0), roi=(0, 0, 0, 0)):
    info = camera_info_message(0, HEIGHT, WIDTH)
    info.k, info.p, info.d, info.distortion_model = k, p, np.array(d, np.float64), model
    info.binning_x, info.binning_y = binning
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    return info


def seen_at(model: str, d: list[float], point: tuple[float, float, float]) -> tuple[float, float]:
    """The pixel of a point in the optical frame."""
    x, y = point[0] / point[2], point[1] / point[2]
    r = math.hypot(x, y)
    if model == "equidistant":
        angle = math.atan(r)
        bent = angle * (1 + sum(c * angle ** (2 * n + 2) for n, c in enumerate(d)))
        x, y = (x * bent / r, y * bent / r) if r else (0.0, 0.0)
    elif model != "none":
        k1, k2, p1, p2, k3, k4, k5, k6 = (*d, 0.0, 0.0, 0.0)[:8]
        radial = (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2),
            y * radial + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y,
        )
    return K[0] * x + K[2], K[4] * y + K[5]


MODELS = [
    ("plumb_bob", PLUMB_BOB),
    ("rational_polynomial", RATIONAL),
    ("equidistant", EQUIDISTANT),
    ("none", []),
]


@pytest.mark.parametrize(("model", "d"), MODELS, ids=[model for model, _ in MODELS])
def test_a_pixel_looks_to_the_point_that_is_seen_there(model, d) -> None:
    points = [(x, y, 4.0) for x in (-2.2, -0.7, 0.0, 1.1, 2.2) for y in (-1.2, 0.0, 0.4, 1.3)]
    pixels = np.array([seen_at(model, d, point) for point in points])
    rays = camera_rays(camera_info("plumb_bob" if model == "none" else model, d), WIDTH, HEIGHT,
                       rectified=False)  # fmt: skip
    # 1e-4 of the focal length is a twentieth of a pixel, at which a direction is refused.
    np.testing.assert_allclose(rays.of_pixels(pixels), np.array(points) / 4.0, atol=1e-4)


def test_a_fisheye_sees_far_to_the_side() -> None:
    """At 75 degrees from the axis, which is 3.7 m beside the axis a metre ahead."""
    pixel = np.array([seen_at("equidistant", EQUIDISTANT, (math.tan(math.radians(75)), 0.1, 1.0))])
    rays = camera_rays(camera_info("equidistant", EQUIDISTANT), WIDTH, HEIGHT, rectified=False)
    np.testing.assert_allclose(rays.of_pixels(pixel)[0, 0], math.tan(math.radians(75)), rtol=1e-3)


@pytest.mark.parametrize(
    ("model", "d"),
    [
        # x (1 - 0.9 r^2) is at most 0.41: no point is seen further from the middle than 203 pixels.
        ("plumb_bob", [-0.9, 0.0, 0.0, 0.0, 0.0]),
        # 640 pixels from the middle look further than 90 degrees from the axis: behind the camera.
        ("equidistant", [-0.3, 0.0, 0.0, 0.0]),
    ],
)
def test_a_pixel_that_the_lens_never_reaches_has_no_direction(model, d) -> None:
    rays = camera_rays(camera_info(model, d), WIDTH, HEIGHT, rectified=False)
    near, far = rays.of_pixels(np.array([[330.0, 190.0], [1200.0, 900.0]]))
    assert np.isfinite(near).all()
    assert np.isnan(far[:2]).all()


def test_rectified_images_are_seen_through_p() -> None:
    rays = camera_rays(camera_info("plumb_bob", PLUMB_BOB), WIDTH, HEIGHT, rectified=True)
    (ray,) = rays.of_pixels(np.array([[318.0 + 45.0, 181.0 - 91.0]]))
    np.testing.assert_allclose(ray, [0.1, -0.2, 1.0])


def test_part_of_the_sensor_and_binning_change_no_direction() -> None:
    whole = camera_rays(camera_info("plumb_bob", PLUMB_BOB), WIDTH, HEIGHT, rectified=False)
    window = camera_info("plumb_bob", PLUMB_BOB, binning=(2, 2), roi=(100, 60, 320, 200))
    part = camera_rays(window, 160, 100, rectified=False)
    np.testing.assert_allclose(
        part.of_pixels(np.array([[50.0, 40.0]])), whole.of_pixels(np.array([[200.0, 140.0]]))
    )


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (camera_info(k=np.zeros(9)), "not calibrated: K is 0"),
        (camera_info("double_sphere", [0.1, 0.2]), "'double_sphere', but plumb_bob, rational_poly"),
        (camera_info("plumb_bob", [0.1, 0.2, 0.3]), "3 coefficients of plumb_bob, but 4 or 5"),
        (camera_info("equidistant", [math.nan] * 4), "finite"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_be_right(info, words) -> None:
    with pytest.raises(ValueError, match=words):
        camera_rays(info, WIDTH, HEIGHT, rectified=False)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="images of 640x360, but they are 320x180"):
        camera_rays(camera_info(), 320, 180, rectified=False)


def test_angles_turn_the_camera_as_ros_says() -> None:
    """REP 103: x forward, y left, z up, angles by the right-hand rule."""
    level = pose_from_angles(height=1.2, x=0.4, y=-0.3)
    np.testing.assert_allclose(level.rotation, [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=1e-12)
    assert level.position.tolist() == [0.4, -0.3, 1.2]
    forward, right = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    down = pose_from_angles(height=1.0, pitch=0.3).rotation @ forward
    np.testing.assert_allclose(down, [math.cos(0.3), 0.0, -math.sin(0.3)], atol=1e-12)
    left = pose_from_angles(height=1.0, yaw=0.3).rotation @ forward
    np.testing.assert_allclose(left, [math.cos(0.3), math.sin(0.3), 0.0], atol=1e-12)
    rolled = pose_from_angles(height=1.0, roll=0.3).rotation @ right
    np.testing.assert_allclose(rolled, [0.0, -math.cos(0.3), -math.sin(0.3)], atol=1e-12)


def test_a_transform_is_the_same_pose() -> None:
    angles = {"pitch": 0.2, "roll": -0.1, "yaw": 0.4}
    expected = pose_from_angles(height=1.5, x=1.0, y=0.2, **angles)
    vector, _ = cv2.Rodrigues(expected.rotation)
    angle = float(np.linalg.norm(vector))
    x, y, z = (math.sin(angle / 2) / angle * vector).ravel().tolist()
    transform = SimpleNamespace(
        rotation=SimpleNamespace(x=x, y=y, z=z, w=math.cos(angle / 2)),
        translation=SimpleNamespace(x=1.0, y=0.2, z=1.5),
    )
    found = pose_from_transform(transform)
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-12)
    np.testing.assert_allclose(found.position, expected.position)
    transform.rotation.w += 1.0
    with pytest.raises(ValueError, match="quaternion of length"):
        pose_from_transform(transform)


@pytest.mark.parametrize("height", [0.0, -1.0, math.nan])
def test_a_camera_below_the_road_is_refused(height) -> None:
    with pytest.raises(ValueError, match="above the road"):
        pose_from_angles(height=height)
