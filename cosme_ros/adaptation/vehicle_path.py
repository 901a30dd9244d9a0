# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where the vehicle has been: the last poses of its odometry, in the plane of the road."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_POSES = 1024
_STEP_M = 0.1
_STEP_RAD = 0.02
"""A pose that is nearer to the last but one replaces the last: a standing vehicle adds none."""
_FASTEST = 70.0  # metres a second; a larger step is a jump of the odometry
_SMALLEST_JUMP_M = 0.5
_LONGEST_GAP = 1_000_000_000  # nanoseconds without a pose, after which the way between is unknown


@dataclass(frozen=True)
class VehiclePose:
    """Of the vehicle's frame in the frame of the odometry.

    Attributes:
        stamp: nanoseconds.
        x: metres.
        y: metres.
        yaw: radians, from x to y.
        travelled: metres of way since the path began.
    """

    stamp: int
    x: float
    y: float
    yaw: float
    travelled: float = 0.0

    def of_vehicle(self, points: Floats) -> Floats:
        """Return points [N, 2] of the vehicle's frame, (x, y) in metres, in the odometry's."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + [self.x, self.y])


def pose_of_odometry(message: Any, vehicle_frame: str) -> VehiclePose:
    """Return the pose that a nav_msgs/Odometry holds.

    Args:
        message: nav_msgs/Odometry, or an object with its fields.
        vehicle_frame: must be the message's child_frame_id.

    Raises:
        ValueError: it is about another frame, or a number is not finite, or its quaternion is not
            one of a rotation.
    """
    if message.child_frame_id != vehicle_frame:
        raise ValueError(
            f"the odometry is about the frame '{message.child_frame_id}', and the parameter "
            f"'vehicle_frame' is '{vehicle_frame}'; the same frame is right"
        )
    p, q = message.pose.pose.position, message.pose.pose.orientation
    length = math.sqrt(q.w**2 + q.x**2 + q.y**2 + q.z**2)
    if not (math.isfinite(p.x) and math.isfinite(p.y) and abs(length - 1.0) <= 1e-3):
        raise ValueError("the odometry has no valid pose: a finite place and a rotation are right")
    yaw = math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y**2 + q.z**2))
    stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
    return VehiclePose(stamp, p.x, p.y, yaw)


class VehiclePath:
    """The last MOST_POSES poses, about _STEP_M apart. For one thread at a time."""

    def __init__(self) -> None:
        self._poses: deque[VehiclePose] = deque(maxlen=MOST_POSES)

    @property
    def newest(self) -> VehiclePose | None:
        """Return the last pose; None before the first."""
        return self._poses[-1] if self._poses else None

    def add(self, pose: VehiclePose) -> bool:
        """Add the next pose.

        Args:
            pose: `travelled` is computed anew.

        Returns:
            Whether it continues the path. After a jump, a gap, or a stamp that does not rise, the
            path begins anew.
        """
        last = self.newest
        if last is None:
            self._poses.append(pose)
            return True
        step = math.hypot(pose.x - last.x, pose.y - last.y)
        gap = pose.stamp - last.stamp
        longest = max(_SMALLEST_JUMP_M, _FASTEST * gap * 1e-9)
        if not (0 < gap <= _LONGEST_GAP and step <= longest):
            self._poses.clear()
            self._poses.append(pose)
            return False
        before = self._poses[-2] if len(self._poses) > 1 else None
        if (
            before is not None
            and math.hypot(last.x - before.x, last.y - before.y) < _STEP_M
            and abs(math.remainder(last.yaw - before.yaw, 2 * math.pi)) < _STEP_RAD
        ):
            self._poses.pop()
            # Not by its own step: noise of a standing vehicle is no way.
            last, step = before, math.hypot(pose.x - before.x, pose.y - before.y)
        travelled = last.travelled + step
        self._poses.append(VehiclePose(pose.stamp, pose.x, pose.y, pose.yaw, travelled))
        return True

    def at(self, stamp: int) -> VehiclePose | None:
        """Return the pose at a stamp, between two poses by proportion; None outside of the path."""
        if not self._poses or not self._poses[0].stamp <= stamp <= self._poses[-1].stamp:
            return None
        after = next(i for i, pose in enumerate(self._poses) if pose.stamp >= stamp)
        b = self._poses[after]
        a = self._poses[max(after - 1, 0)]
        share = (stamp - a.stamp) / (b.stamp - a.stamp) if b.stamp > a.stamp else 0.0
        turn = math.remainder(b.yaw - a.yaw, 2 * math.pi)
        return VehiclePose(
            stamp,
            a.x + share * (b.x - a.x),
            a.y + share * (b.y - a.y),
            a.yaw + share * turn,
            a.travelled + share * (b.travelled - a.travelled),
        )

    def since(self, pose: VehiclePose) -> Floats:
        """Return the way from a pose on, float64 [N, 2] of (x, y), metres, beginning there."""
        later = [(p.x, p.y) for p in self._poses if p.stamp > pose.stamp]
        return np.array([(pose.x, pose.y), *later], np.float64)
