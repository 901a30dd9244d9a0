# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
from helpers.small_bag import camera_info_message

from cosme_ros.geometry.ground_source import GroundSource, has_pose, pose_of_settings
from cosme_ros.parameters import Settings

SETTINGS = Settings(camera_height=1.4, camera_x=1.2, camera_pitch=0.1, vehicle_frame="car")


def camera_info(focal=500.0):
    info = camera_info_message(0, 360, 640)
    info.k = np.array([focal, 0, 320, 0, focal, 180, 0, 0, 1])
    info.p = np.array([2 * focal, 0, 320, 0, 0, 2 * focal, 180, 0, 0, 0, 1, 0])
    return info


def test_without_a_height_there_is_no_pose_unless_tf_has_it() -> None:
    assert not has_pose(Settings())
    assert has_pose(Settings(camera_height=0.3))
    assert has_pose(Settings(camera_pose="tf"))


def test_the_settings_are_what_places_obstacles() -> None:
    pose = pose_of_settings(SETTINGS)
    found = GroundSource().geometry(SETTINGS, pose, camera_info(), 360, 640)
    assert (found.frame_id, found.point_height) == ("car", Settings.point_height)
    assert (found.pitch_sigma, found.foot_sigma, found.maximum_range) == (0.01, 5.0, 50.0)
    assert found.pose.position.tolist() == [1.2, 0.0, 1.4]
    np.testing.assert_allclose(found.pose.rotation[2, 2], -np.sin(0.1))


def test_a_camera_info_is_read_once_and_another_one_anew() -> None:
    source, pose = GroundSource(), pose_of_settings(SETTINGS)
    info = camera_info()
    first = source.geometry(SETTINGS, pose, info, 360, 640)
    assert source.geometry(SETTINGS, pose, info, 360, 640).rays is first.rays
    assert source.geometry(SETTINGS, pose, camera_info(900.0), 360, 640).rays.matrix[0, 0] == 900.0
    rectified = replace(SETTINGS, image_rectified=True)
    assert source.geometry(rectified, pose, info, 360, 640).rays.matrix[0, 0] == 1000.0
    with pytest.raises(ValueError, match="but they are 320x180"):
        source.geometry(SETTINGS, pose, info, 180, 320)
