# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""By a CameraInfo made of the message's own definition."""

import numpy as np
import pytest
from helpers.small_bag import camera_info_message

from cosme_ros.messages.camera_model import image_plane, uncalibrated_plane

K = np.array([900.0, 0, 630, 0, 910, 350, 0, 0, 1])
P = np.array([800.0, 0, 640, -40, 0, 810, 360, 0, 0, 0, 1, 0])


def camera_info(*, k=K, p=P, width=1280, height=720, binning=(0, 0), roi=(0, 0, 0, 0)):
    info = camera_info_message(0, height, width)
    info.k, info.p = k, p
    info.binning_x, info.binning_y = binning
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    return info


def projected(point: tuple[float, float, float], p: np.ndarray) -> np.ndarray:
    """The pixel of a point, as sensor_msgs/CameraInfo says (of the left camera: Tx left out)."""
    u, v, w = p.reshape(3, 4)[:, :3] @ point
    return np.array([u / w, v / w])


@pytest.mark.parametrize("pixel", [(0, 0), (640, 360), (1279, 12)])
def test_a_point_is_seen_at_its_pixel_and_is_one_metre_ahead(pixel) -> None:
    plane = image_plane(camera_info(), 1280, 720)
    assert plane.calibrated
    point = plane.point(*pixel)
    assert point[2] == 1.0
    np.testing.assert_allclose(projected(point, P), pixel, atol=1e-9)


def test_right_is_x_and_down_is_y() -> None:
    plane = image_plane(camera_info(), 1280, 720)
    assert plane.point(1000, 360)[0] > 0 > plane.point(100, 360)[0]
    assert plane.point(640, 700)[1] > 0 > plane.point(640, 10)[1]


def test_k_serves_where_p_is_not_set() -> None:
    plane = image_plane(camera_info(p=np.zeros(12)), 1280, 720)
    assert (plane.fx, plane.fy, plane.cx, plane.cy) == (900, 910, 630, 350)


def test_a_part_of_the_sensor_and_binned_pixels_see_the_same_directions() -> None:
    whole = image_plane(camera_info(), 1280, 720)
    part = image_plane(camera_info(roi=(200, 100, 640, 360), binning=(2, 2)), 320, 180)
    np.testing.assert_allclose(part.point(50, 60), whole.point(200 + 2 * 50, 100 + 2 * 60))


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="images of 1280x720, but they are 640x360"):
        image_plane(camera_info(), 640, 360)


def test_a_camera_that_is_not_calibrated_is_refused() -> None:
    with pytest.raises(ValueError, match="not calibrated"):
        image_plane(camera_info(k=np.zeros(9), p=np.zeros(12)), 1280, 720)


def test_without_calibration_the_image_is_a_metre_wide_around_the_axis() -> None:
    plane = uncalibrated_plane(1280, 720)
    assert not plane.calibrated
    left, right = plane.point(-0.5, 0)[0], plane.point(1279.5, 0)[0]
    assert (left, right) == (-0.5, 0.5)
    top, bottom = plane.point(0, -0.5)[1], plane.point(0, 719.5)[1]
    assert (top, bottom) == (-720 / 1280 / 2, 720 / 1280 / 2)
