# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as sensor_msgs/PointCloud2: points along the near side of each, on the road.

No ROS is imported: the messages' classes are handed in.
"""

import array
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.postprocessing.obstacles import Obstacle

# The numbers of sensor_msgs/PointField.
_FLOAT32, _UINT32 = 7, 6
_BYTES = 4  # of each value
_FIELDS = (
    ("x", _FLOAT32),
    ("y", _FLOAT32),
    ("z", _FLOAT32),
    ("score", _FLOAT32),
    ("id", _UINT32),
    ("range_sigma", _FLOAT32),
)
POINT = np.dtype([(name, "f4" if kind == _FLOAT32 else "u4") for name, kind in _FIELDS])
"""One point: metres in the vehicle's frame, the obstacle's peak score and id, and the standard
deviation of its range in metres. In this machine's byte order."""


def fill_points(
    message: Any,
    field_class: Any,
    header: Any,
    obstacles: Sequence[Obstacle],
    positions: Sequence[ObstaclePosition | None],
    ids: Sequence[int],
    *,
    point_height: float,
) -> None:
    """Fill a PointCloud2 with the foot lines of the obstacles that are on the road.

    Without any it has no points, which says that no obstacle is on the road.

    Args:
        message: the PointCloud2 that is filled.
        field_class: sensor_msgs/PointField.
        header: with the image's stamp and the vehicle's frame.
        obstacles: of the frame.
        positions: of the obstacles; None for one that is not on the road, and has no points.
        ids: of the obstacles, 0 or more.
        point_height: of all points above the road, metres.
    """
    parts = []
    for obstacle, position, number in zip(obstacles, positions, ids, strict=True):
        if position is None:
            continue
        part = np.empty(len(position.foot_line), POINT)
        part["x"], part["y"] = position.foot_line.T
        part["z"] = point_height
        part["score"] = obstacle.peak_score
        part["id"] = number
        part["range_sigma"] = position.range_sigma
        parts.append(part)
    points = np.concatenate(parts) if parts else np.empty(0, POINT)
    message.header = header
    message.height = 1
    message.width = len(points)
    message.fields = [
        field_class(name=name, offset=_BYTES * index, datatype=kind, count=1)
        for index, (name, kind) in enumerate(_FIELDS)
    ]
    message.is_bigendian = sys.byteorder == "big"
    message.point_step = POINT.itemsize
    message.row_step = POINT.itemsize * len(points)
    message.data = array.array("B", points.tobytes())  # as in images.fill_image
    message.is_dense = True
