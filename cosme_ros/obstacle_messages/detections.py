# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as vision_msgs/Detection2DArray (vision_msgs 4, ROS 2 Humble and later).

No ROS is imported: the messages' classes are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    result.hypothesis.class_id = CLASS_ID
    result.hypothesis.score = obstacle.peak_score / (1.0 + obstacle.peak_score)
    detection.results = [result]
    # The middle of the pixels' centres, of which the first is 0.
    detection.bbox.center.position.x = obstacle.x + (obstacle.width - 1) / 2
    detection.bbox.center.position.y = obstacle.y + (obstacle.height - 1) / 2
    detection.bbox.size_x = float(obstacle.width)
    detection.bbox.size_y = float(obstacle.height)
    return detection
