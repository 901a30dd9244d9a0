# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as vision_msgs/Detection2DArray and Detection3DArray (vision_msgs 4, ROS 2 Humble on).

No ROS is imported: the messages' classes are handed in.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.postprocessing.obstacles import Obstacle

CLASS_ID = "anomaly"


def fill_detections(
    message: Any,
    detection_class: Any,
    hypothesis_class: Any,
    header: Any,
    obstacles: Sequence[Obstacle],
    *,
    ids: Sequence[int] | None = None,
) -> None:
    """Fill a Detection2DArray with one box an obstacle, in pixels of the image.

    `detection_class` and `hypothesis_class` are Detection2D and ObjectHypothesisWithPose; `header`
    is the image's. The message asks for a score within 0..1: it is p / (1 + p) of the peak score p,
    0.5 at the alarm line. The pose in space is left at zero: it is not known.
    `ids` are those of the obstacles' tracks; None leaves the id empty.
    """
    message.header = header
    message.detections = [
        _detection(detection_class, hypothesis_class, header, obstacle) for obstacle in obstacles
    ]
    if ids is not None:
        for detection, number in zip(message.detections, ids, strict=True):
            detection.id = str(number)


def _detection(detection_class: Any, hypothesis_class: Any, header: Any, obstacle: Obstacle) -> Any:
    detection = detection_class(header=header)
    result = hypothesis_class()
    _fill_hypothesis(result, obstacle)
    detection.results = [result]
    # The middle of the pixels' centres, of which the first is 0.
    detection.bbox.center.position.x = obstacle.x + (obstacle.width - 1) / 2
    detection.bbox.center.position.y = obstacle.y + (obstacle.height - 1) / 2
    detection.bbox.size_x = float(obstacle.width)
    detection.bbox.size_y = float(obstacle.height)
    return detection


def fill_detections_3d(
    message: Any,
    detection_class: Any,
    hypothesis_class: Any,
    header: Any,
    obstacles: Sequence[Obstacle],
    positions: Sequence[ObstaclePosition | None],
    ids: Sequence[int],
) -> None:
    """Fill a Detection3DArray with one box for each obstacle that is on the road.

    The box faces the camera: its x axis is along the line of sight. How deep an obstacle is cannot
    be seen; the box is as deep as it is wide. The pose of the result is that of the middle of the
    near side, on the road, with its covariance.

    Args:
        message: the Detection3DArray that is filled.
        detection_class: vision_msgs/Detection3D.
        hypothesis_class: vision_msgs/ObjectHypothesisWithPose.
        header: with the image's stamp and the vehicle's frame.
        obstacles: of the frame.
        positions: of the obstacles; None for one that is not on the road.
        ids: of the obstacles.
    """
    message.header = header
    message.detections = [
        _detection_3d(detection_class, hypothesis_class, header, obstacle, position, number)
        for obstacle, position, number in zip(obstacles, positions, ids, strict=True)
        if position is not None
    ]


def _detection_3d(
    detection_class: Any,
    hypothesis_class: Any,
    header: Any,
    obstacle: Obstacle,
    position: ObstaclePosition,
    number: int,
) -> Any:
    detection = detection_class(header=header, id=str(number))
    result = hypothesis_class()
    _fill_hypothesis(result, obstacle)
    near, centre = result.pose.pose, detection.bbox.center
    half = position.width / 2
    near.position.x, near.position.y = position.x, position.y
    centre.position.x = position.x + half * math.cos(position.bearing)
    centre.position.y = position.y + half * math.sin(position.bearing)
    centre.position.z = position.height / 2
    for pose in (near, centre):
        pose.orientation.z = math.sin(position.bearing / 2)
        pose.orientation.w = math.cos(position.bearing / 2)
    # 6 x 6 by rows: x, y, z and the three angles. Of the others nothing is known.
    covariance = np.zeros((6, 6))
    covariance[:2, :2] = position.covariance
    result.pose.covariance = covariance.reshape(-1)
    detection.results = [result]
    size = detection.bbox.size
    size.x, size.y, size.z = position.width, position.width, position.height
    return detection


def _fill_hypothesis(result: Any, obstacle: Obstacle) -> None:
    result.hypothesis.class_id = CLASS_ID
    result.hypothesis.score = obstacle.peak_score / (1.0 + obstacle.peak_score)
