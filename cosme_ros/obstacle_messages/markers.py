# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as visualization_msgs/MarkerArray: outlines on the plane 1 m before the camera.

No ROS is imported: the messages' classes are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    notes: Sequence[str] = (),
) -> None:
    """Fill a MarkerArray: first DELETEALL, then a line and the peak score of each obstacle.

    Below the peak score stands the obstacle's note, where there is one.

    `marker_class` and `point_class` are visualization_msgs' Marker and geometry_msgs' Point;
    `header` the image's, which all markers bear; `lines` as `outlines` returns them, in pixels of
    the image of height x width. Line and letters are as large as in the overlay, seen by the
    camera. The namespaces end on "(uncalibrated)" where the plane is a guess.
    """
    unit = unit_of(height, width)
    note = "" if plane.calibrated else " (uncalibrated)"
    markers = [marker_class(header=header, action=marker_class.DELETEALL)]
    for index, (obstacle, line) in enumerate(zip(obstacles, lines, strict=True)):
        corners = line.tolist() if len(line) > 2 else _corners(obstacle)
        outline = _marker(marker_class, header, f"outline{note}", index)
        outline.type = marker_class.LINE_STRIP
        outline.scale.x = _LINE * unit / plane.fx
        outline.points = [_point(point_class, plane, *xy) for xy in (*corners, corners[0])]
        letters = text_height(unit)
        score = _marker(marker_class, header, f"peak score{note}", index)
        score.type = marker_class.TEXT_VIEW_FACING
        score.scale.z = letters / plane.fy
        score.text = _text(obstacle, notes[index] if index < len(notes) else "")
        top = min(corners, key=lambda xy: xy[1])
        # RViz centres a text on its position.
        score.pose.position = _point(point_class, plane, top[0], top[1] - letters)
        markers += [outline, score]
    message.markers = markers


def _text(obstacle: Obstacle, note: str) -> str:
    peak = f"{obstacle.peak_score:.1f}"
    return f"{peak}\n{note}" if note else peak


def _marker(marker_class: Any, header: Any, namespace: str, index: int) -> Any:
    marker = marker_class(header=header, ns=namespace, id=index, action=marker_class.ADD)
    marker.lifetime.sec = LIFETIME
    blue, green, red = (channel / 255 for channel in ALARM_COLOUR)
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = red, green, blue, 1.0
    return marker


def _corners(obstacle: Obstacle) -> list[tuple[float, float]]:
    """Of the box's pixels: an obstacle one pixel wide has no line around it."""
    left, top = obstacle.x - 0.5, obstacle.y - 0.5
    right, bottom = left + obstacle.width, top + obstacle.height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _point(point_class: Any, plane: ImagePlane, x: float, y: float) -> Any:
    return point_class(**dict(zip("xyz", plane.point(x, y), strict=True)))
