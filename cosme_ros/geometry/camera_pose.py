# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where the camera is on the vehicle, and which way it looks.

The vehicle's frame is that of REP 103 and REP 105: x forward, y left, z up, and the road is its
plane z = 0, as of `base_footprint`, and of a `base_link` on the ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_OPTICAL_IN_BODY: Floats = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""From the optical frame (x right, y down, z forward) to that of a body (x forward, y left)."""

_UNIT = 1e-3  # of a quaternion's length, from 1


@dataclass(frozen=True)
class CameraPose:
    """Of the camera's optical frame in the vehicle's frame."""

    rotation: Floats
    """[3, 3]: a direction in the optical frame to one in the vehicle's."""
    position: Floats
    """[3] of the lens, metres; [2] is its height above the road."""


def pose_from_angles(
    *,
    height: float,
    x: float = 0.0,
    y: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    yaw: float = 0.0,
) -> CameraPose:
    """Return the pose of a camera that looks forward but for three angles.

    They are those of URDF: about the vehicle's fixed axes, first roll about x, then pitch about y,
    then yaw about z, by the right-hand rule.

    Args:
        height: of the lens above the road, metres, above 0.
        x: of the lens, metres forward.
        y: of the lens, metres to the left.
        pitch: radians, positive where the camera looks down.
        roll: radians, positive where the camera's right side is down.
        yaw: radians, positive where the camera looks to the left.

    Raises:
        ValueError: the height is not above 0.

    >>> pose_from_angles(height=1.5).rotation @ [0.0, 0.0, 1.0]
    array([1., 0., 0.])
    """
    cos_p, sin_p = math.cos(pitch), math.sin(pitch)
    cos_r, sin_r = math.cos(roll), math.sin(roll)
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_r, -sin_r], [0.0, sin_r, cos_r]])
    about_y = np.array([[cos_p, 0.0, sin_p], [0.0, 1.0, 0.0], [-sin_p, 0.0, cos_p]])
    about_z = np.array([[cos_y, -sin_y, 0.0], [sin_y, cos_y, 0.0], [0.0, 0.0, 1.0]])
    rotation = about_z @ about_y @ about_x @ _OPTICAL_IN_BODY
    return _checked(rotation, np.array([x, y, height], np.float64))


def pose_from_transform(transform: Any) -> CameraPose:
    """Return the pose that a geometry_msgs/Transform says.

    Args:
        transform: of the camera's optical frame in the vehicle's frame, as tf2 gives it for the
            vehicle's frame as target and the image's as source.

    Raises:
        ValueError: its quaternion is not one of a rotation, or the camera is not above the road.
    """
    q, t = transform.rotation, transform.translation
    w, x, y, z = q.w, q.x, q.y, q.z
    length = math.sqrt(w * w + x * x + y * y + z * z)
    if not abs(length - 1.0) <= _UNIT:
        raise ValueError(f"the camera's transform has a quaternion of length {length:.4g}, not 1")
    w, x, y, z = w / length, x / length, y / length, z / length
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return _checked(rotation, np.array([t.x, t.y, t.z], np.float64))


def _checked(rotation: Floats, position: Floats) -> CameraPose:
    if not position[2] > 0.0:
        raise ValueError(
            f"the camera is {position[2]:g} m above the road; it must be above the plane z = 0 of "
            "the vehicle's frame"
        )
    return CameraPose(rotation, position)
