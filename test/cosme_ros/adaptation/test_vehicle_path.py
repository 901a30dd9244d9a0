# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from cosme_ros.adaptation.vehicle_path import (
    MOST_POSES,
    VehiclePath,
    VehiclePose,
    pose_of_odometry,
)

TYPES = get_typestore(Stores.ROS2_KILTED).types
TENTH = 10**8


def odometry(x=1.0, y=2.0, yaw=0.5, *, child="base_link", scale=1.0):
    def new(name, *values):
        return TYPES[name](*values)

    rotation = new(
        "geometry_msgs/msg/Quaternion",
        0.0, 0.0, scale * math.sin(yaw / 2), scale * math.cos(yaw / 2),
    )  # fmt: skip
    pose = new("geometry_msgs/msg/Pose", new("geometry_msgs/msg/Point", x, y, 0.0), rotation)
    zero = new("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
    twist = new("geometry_msgs/msg/Twist", zero, zero)
    return new(
        "nav_msgs/msg/Odometry",
        new("std_msgs/msg/Header", new("builtin_interfaces/msg/Time", 3, 7), "odom"),
        child,
        new("geometry_msgs/msg/PoseWithCovariance", pose, np.zeros(36)),
        new("geometry_msgs/msg/TwistWithCovariance", twist, np.zeros(36)),
    )


@pytest.mark.parametrize("yaw", [0.0, 0.5, -3.0, 3.1])
def test_the_pose_of_a_message(yaw):
    pose = pose_of_odometry(odometry(yaw=yaw), "base_link")
    assert (pose.stamp, pose.x, pose.y) == (3_000_000_007, 1.0, 2.0)
    assert pose.yaw == pytest.approx(yaw)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (odometry(child="imu"), "about the frame 'imu'.*'vehicle_frame' is 'base_link'"),
        (odometry(x=math.nan), "no valid pose"),
        (odometry(scale=0.0), "no valid pose"),
        (odometry(yaw=math.nan), "no valid pose"),
    ],
)
def test_a_message_that_cannot_be_used_is_refused(message, sentence):
    with pytest.raises(ValueError, match=sentence):
        pose_of_odometry(message, "base_link")


def test_points_of_the_vehicle_turn_with_it():
    pose = VehiclePose(0, 10.0, 5.0, math.pi / 2)
    np.testing.assert_allclose(pose.of_vehicle(np.array([[2.0, 1.0]])), [[9.0, 7.0]])


def test_between_two_poses_by_proportion_and_nothing_outside():
    path = VehiclePath()
    assert path.at(0) is None and path.newest is None
    assert path.add(VehiclePose(0, 0.0, 0.0, 3.1))
    assert path.add(VehiclePose(TENTH, 1.0, 2.0, -3.1))
    pose = path.at(TENTH // 4)
    assert (pose.x, pose.y) == (0.25, 0.5)
    assert pose.yaw == pytest.approx(3.1 + 0.25 * (2 * math.pi - 6.2))  # the short way around
    assert pose.travelled == pytest.approx(0.25 * math.hypot(1, 2))
    assert path.at(-1) is None and path.at(TENTH + 1) is None
    np.testing.assert_allclose(path.since(pose), [[0.25, 0.5], [1.0, 2.0]])


@pytest.mark.parametrize(
    "step", [VehiclePose(TENTH, 9.0, 0.0, 0.0), VehiclePose(2 * 10**9, 0.1, 0.0, 0.0),
             VehiclePose(0, 0.1, 0.0, 0.0)], ids=["jump", "gap", "stamp"],
)  # fmt: skip
def test_a_way_that_is_not_known_begins_anew(step):
    path = VehiclePath()
    path.add(VehiclePose(0, 0.0, 0.0, 0.0))
    assert not path.add(step)
    assert path.newest == step and path.at(-1) is None
    assert len(path.since(step)) == 1


def test_a_standing_vehicle_adds_no_way_and_no_poses():
    path, random = VehiclePath(), np.random.default_rng(1)
    for number in range(500):
        x, y = random.normal(0, 0.01, 2)
        path.add(VehiclePose(number * TENTH, float(x), float(y), 0.0))
    assert len(path.since(path.at(0))) <= 2
    assert path.newest.travelled < 0.1
    assert path.newest.stamp == 499 * TENTH


def test_poses_are_bounded_and_the_way_is_counted():
    path = VehiclePath()
    for number in range(3000):
        path.add(VehiclePose(number * TENTH, 0.5 * number, 0.0, 0.0))
    assert path.newest.travelled == pytest.approx(0.5 * 2999)
    assert path.at((2999 - MOST_POSES) * TENTH) is None
    assert len(path.since(path.at((3000 - MOST_POSES) * TENTH))) == MOST_POSES
