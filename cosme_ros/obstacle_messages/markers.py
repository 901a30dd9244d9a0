# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as visualization_msgs/MarkerArray: outlines where the obstacles are.

The outline of one whose place on the road is known stands there, facing the camera; that of any
other is on the plane 1 m before the camera. Both cover the obstacle in the camera's image.

No ROS is imported: the messages' classes are handed in.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.messages.camera_model import ImagePlane
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.visualization.colormap import ALARM_COLOUR
from cosme_ros.visualization.text import text_height, unit_of

# Seconds until a viewer drops a marker that none follows: silence is not a clear road, but neither
# is an outline of a second ago an obstacle now.
LIFETIME = 1
_LINE = 1.5  # pixels of a 640 x 360 image, as in the overlay


def fill_markers(
    message: Any,
    marker_class: Any,
    point_class: Any,
    header: Any,
    obstacles: Sequence[Obstacle],
    lines: Sequence[np.ndarray],
    plane: ImagePlane,
    *,
    height: int,
    width: int,
    ids: Sequence[int] | None = None,
    notes: Sequence[str] = (),
    positions: Sequence[ObstaclePosition | None] | None = None,
) -> None:
    """Fill a MarkerArray: first DELETEALL, then a line and the peak score of each obstacle.

    Below the peak score stands the obstacle's note, where there is one.

    `marker_class` and `point_class` are visualization_msgs' Marker and geometry_msgs' Point;
    `header` the image's, which all markers bear; `lines` as `outlines` returns them, in pixels of
    the image of height x width. Line and letters are as large as in the overlay, seen by the
    camera. The namespaces end on "(uncalibrated)" where the plane is a guess.
    `ids` are those of the obstacles' tracks; None numbers the obstacles of the frame from 0 on.
    `positions` are those of the obstacles, None where none is known.
    """
    unit = unit_of(height, width)
    note = "" if plane.calibrated else " (uncalibrated)"
    markers = [marker_class(header=header, action=marker_class.DELETEALL)]
    numbers = range(len(obstacles)) if ids is None else ids
    places = [None] * len(obstacles) if positions is None else positions
    for index, obstacle, line, place in zip(numbers, obstacles, lines, places, strict=True):
        depth = 1.0 if place is None else place.depth
        corners = line.tolist() if len(line) > 2 else _corners(obstacle)
        outline = _marker(marker_class, header, f"outline{note}", index)
        outline.type = marker_class.LINE_STRIP
        outline.scale.x = _LINE * unit / plane.fx * depth
        outline.points = [
            _point(point_class, plane, x, y, depth) for x, y in (*corners, corners[0])
        ]
        letters = text_height(unit)
        score = _marker(marker_class, header, f"peak score{note}", index)
        score.type = marker_class.TEXT_VIEW_FACING
        score.scale.z = letters / plane.fy * depth
        score.text = _text(obstacle, place, notes[index] if index < len(notes) else "")
        top = min(corners, key=lambda xy: xy[1])
        # RViz centres a text on its position.
        score.pose.position = _point(point_class, plane, top[0], top[1] - letters, depth)
        markers += [outline, score]
    message.markers = markers


def _marker(marker_class: Any, header: Any, namespace: str, index: int) -> Any:
    marker = marker_class(header=header, ns=namespace, id=index, action=marker_class.ADD)
    marker.lifetime.sec = LIFETIME
    blue, green, red = (channel / 255 for channel in ALARM_COLOUR)
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = red, green, blue, 1.0
    return marker


def _corners(obstacle: Obstacle) -> list[tuple[float, float]]:
    """Return the corners of the box: an obstacle one pixel wide has no line around it."""
    left, top = obstacle.x - 0.5, obstacle.y - 0.5
    right, bottom = left + obstacle.width, top + obstacle.height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _text(obstacle: Obstacle, place: ObstaclePosition | None, note: str) -> str:
    score = f"{obstacle.peak_score:.1f}"
    first = score if place is None else f"{score}, {place.range:.1f} m"
    return f"{first}\n{note}" if note else first


def _point(point_class: Any, plane: ImagePlane, x: float, y: float, depth: float) -> Any:
    """Return the point that is `depth` metres before the camera and seen at the pixel (x, y)."""
    scaled = (depth * value for value in plane.point(x, y))
    return point_class(**dict(zip("xyz", scaled, strict=True)))
