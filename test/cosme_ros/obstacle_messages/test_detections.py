# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""By the definitions of vision_msgs; its own classes are tried where ROS has them, in test/node."""

import numpy as np
import pytest
from helpers.message_classes import message_class, serialised_and_back
from helpers.small_bag import header

from cosme_ros.obstacle_messages.detections import CLASS_ID, fill_detections
from cosme_ros.postprocessing.obstacles import Obstacle, find_obstacles

HEADER = header(1_700_000_000_123_456_789)


def detections(obstacles: tuple[Obstacle, ...], **options):
    message = message_class("vision_msgs/msg/Detection2DArray")()
    fill_detections(
        message,
        message_class("vision_msgs/msg/Detection2D"),
        message_class("vision_msgs/msg/ObjectHypothesisWithPose"),
        HEADER,
        obstacles,
        **options,
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


def test_ids_are_those_of_the_tracks_and_empty_without() -> None:
    obstacles = tuple(Obstacle(x, 0, 1, 1, 1, 2.0) for x in (5, 9))
    assert [d.id for d in detections(obstacles).detections] == ["", ""]
    assert [d.id for d in detections(obstacles, ids=(12, 3)).detections] == ["12", "3"]
