# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""By the definitions of vision_msgs; its own classes are tried where ROS has them, in test/node."""

import math

import numpy as np
import pytest
from helpers.message_classes import message_class, serialised_and_back
from helpers.small_bag import header

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.obstacle_messages.detections import (
    CLASS_ID,
    fill_detections,
    fill_detections_3d,
)
from cosme_ros.postprocessing.obstacles import Obstacle, find_obstacles

HEADER = header(1_700_000_000_123_456_789)


def detections(obstacles: tuple[Obstacle, ...]):
    message = message_class("vision_msgs/msg/Detection2DArray")()
    fill_detections(
        message,
        message_class("vision_msgs/msg/Detection2D"),
        message_class("vision_msgs/msg/ObjectHypothesisWithPose"),
        HEADER,
        obstacles,
    )
    return serialised_and_back(message)


def test_each_obstacle_is_a_box_of_its_pixels() -> None:
    score = np.zeros((60, 80), np.float32)
    score[20:31, 10:15] = 1.5
    score[40, 70] = 3.0
    _, obstacles = find_obstacles(score, region=None, minimum_area=1)
    message = detections(obstacles)
    assert message.header == HEADER
    assert all(detection.header == HEADER for detection in message.detections)
    boxes = [
        (d.bbox.center.position.x, d.bbox.center.position.y, d.bbox.size_x, d.bbox.size_y)
        for d in message.detections
    ]
    assert boxes == [(70, 40, 1, 1), (12, 25, 5, 11)]


def test_the_score_is_a_half_at_the_alarm_line_and_rises_towards_one() -> None:
    peaks = (1000.0, 3.0, 1.0)
    message = detections(tuple(Obstacle(0, 0, 1, 1, 1, peak) for peak in peaks))
    results = [detection.results for detection in message.detections]
    assert [len(r) for r in results] == [1, 1, 1]
    assert all(r[0].hypothesis.class_id == CLASS_ID for r in results)
    scores = [r[0].hypothesis.score for r in results]
    assert scores == [pytest.approx(1000 / 1001), 0.75, 0.5]


def test_no_obstacle_is_an_empty_array() -> None:
    assert list(detections(()).detections) == []


def test_a_box_in_space_stands_where_the_obstacle_is() -> None:
    bearing = math.atan2(3.0, 4.0)
    position = ObstaclePosition(
        x=4.0,
        y=3.0,
        range=5.0,
        bearing=bearing,
        width=1.0,
        height=0.6,
        range_sigma=0.5,
        bearing_sigma=0.02,
        width_sigma=0.1,
        depth=5.0,
        foot_line=np.zeros((5, 2)),
    )
    message = message_class("vision_msgs/msg/Detection3DArray")()
    fill_detections_3d(
        message,
        message_class("vision_msgs/msg/Detection3D"),
        message_class("vision_msgs/msg/ObjectHypothesisWithPose"),
        HEADER,
        [Obstacle(0, 0, 1, 1, 1, 3.0), Obstacle(5, 5, 1, 1, 1, 1.0)],
        [position, None],
        [7, 8],
    )
    (detection,) = serialised_and_back(message).detections  # the other is not on the road
    assert (detection.header, detection.id) == (HEADER, "7")
    centre, size = detection.bbox.center, detection.bbox.size
    assert (size.x, size.y, size.z) == (1.0, 1.0, 0.6)
    # Half of its depth behind the near side, along the line of sight.
    assert (centre.position.x, centre.position.y) == pytest.approx((4.4, 3.3))
    assert centre.position.z == 0.3
    assert 2 * math.atan2(centre.orientation.z, centre.orientation.w) == pytest.approx(bearing)
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == (CLASS_ID, 0.75)
    near = result.pose.pose.position
    assert (near.x, near.y, near.z) == (4.0, 3.0, 0.0)
    covariance = np.reshape(result.pose.covariance, (6, 6))
    sight = np.array([0.8, 0.6, 0, 0, 0, 0])
    assert sight @ covariance @ sight == pytest.approx(0.5**2)
    across = np.array([-0.6, 0.8, 0, 0, 0, 0])
    assert across @ covariance @ across == pytest.approx((5.0 * 0.02) ** 2)
    assert not covariance[2:].any() and not covariance[:, 2:].any()
