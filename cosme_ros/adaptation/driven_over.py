# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Road that the vehicle has driven over is normal: which alarms of an earlier frame lay on it.

A frame with alarms waits until the vehicle is REACH_M further. Then each pixel of its alarms is
placed on the road, and from there into the frame of the odometry. An alarm is driven over where all
of its pixels are inside the strip that the middle of the vehicle's frame has moved along since.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.adaptation.adaptation import Adaptation, Answer, alarms
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.adaptation.vehicle_path import VehiclePath, VehiclePose
from cosme_ros.geometry.camera_pose import CameraPose
from cosme_ros.geometry.obstacle_position import GroundGeometry

Floats = NDArray[np.float64]

REACH_M = 12.0
"""Metres of way after which a frame is judged: what is further away is small and badly placed."""
SPACING_M = 2.0
"""Metres of way between two frames of a camera that wait."""
MOST_FRAMES = 8
"""Of a camera that wait."""
MOST_BYTES = 128 << 20
"""Of the images of one camera that wait."""
MOST_AGE = 30_000_000_000
"""Nanoseconds between a frame and its judgement: until then things may move, odometry drifts."""
MOST_OTHER = 0.05
"""Share of an alarm that the teacher may take for something else than road."""
PITCHES = (0.0, -1.0, 1.0, -2.0, 2.0)
"""Standard deviations of the pitch with all of which a pixel has to be inside."""


@dataclass(frozen=True, eq=False)
class DrivenFrame:
    """A frame that waits, or is to be judged.

    Attributes:
        frame: with alarms.
        ground: by which its pixels are placed.
        pose: of the vehicle when it was taken.
        way: float64 [N, 2] of (x, y) in the odometry's frame, metres, from `pose` on.
        width: of the strip, metres.
    """

    frame: RecentFrame
    ground: GroundGeometry
    pose: VehiclePose
    way: Floats
    width: float


class DrivenOver:
    """Frames that wait until they are driven over. May be used from any thread.

    Args:
        width: of the strip, metres.
        period: seconds from one mark, or try, to the next, at least.
    """

    def __init__(self, *, width: float, period: float) -> None:
        self._width = width
        self._period = round(period * 1e9)
        self._lock = threading.Lock()
        self._path = VehiclePath()
        self._waiting: dict[str, deque[tuple[RecentFrame, GroundGeometry, float]]] = {}
        self._next_try: int | None = None
        self._busy = False
        self.without_pose = 0
        """Frames that the odometry, when they were due, had no pose for at their stamp."""

    def add_frame(self, frame: RecentFrame, ground: GroundGeometry) -> None:
        """Keep a frame with alarms, if the last one of its camera is SPACING_M of way behind.

        Args:
            frame: of the camera, in order.
            ground: by which its pixels are placed.
        """
        if frame.detection.score_grid.max() < 1.0:
            return
        with self._lock:
            newest = self._path.newest
            if newest is None:
                return
            waiting = self._waiting.setdefault(frame.camera, deque(maxlen=MOST_FRAMES))
            if waiting and newest.travelled - waiting[-1][2] < SPACING_M:
                return
            # Another object for the same result: maps of camera size, once made, stay with theirs.
            fresh = frame.detection.with_raw_score(frame.detection.raw_score_grid)
            waiting.append((replace(frame, detection=fresh), ground, newest.travelled))
            while len(waiting) > 1 and sum(f.image.nbytes for f, _, _ in waiting) > MOST_BYTES:
                waiting.popleft()

    def add_pose(self, pose: VehiclePose) -> DrivenFrame | None:
        """Take the next pose of the odometry.

        Args:
            pose: in order.

        Returns:
            A frame that is to be judged now. Until `release` is called there is no other.
        """
        with self._lock:
            if not self._path.add(pose):
                self._waiting.clear()
                self._next_try = None
            for waiting in self._waiting.values():
                while waiting and pose.stamp - waiting[0][0].stamp > MOST_AGE:
                    waiting.popleft()
            if self._busy or (self._next_try is not None and pose.stamp < self._next_try):
                return None
            for waiting in self._waiting.values():
                found = self._due(waiting)
                if found is not None:
                    self._busy = True
                    return found
            return None

    def release(self, *, tried: bool) -> None:
        """Let other frames be judged.

        Args:
            tried: whether a mark was asked for: then the next one is a period later.
        """
        with self._lock:
            self._busy = False
            if tried and self._path.newest is not None:
                self._next_try = self._path.newest.stamp + self._period

    def _due(self, waiting: deque[tuple[RecentFrame, GroundGeometry, float]]) -> DrivenFrame | None:
        newest = self._path.newest
        while waiting and newest is not None and newest.travelled - waiting[0][2] >= REACH_M:
            frame, ground, _ = waiting.popleft()
            at = self._path.at(frame.stamp)
            if at is not None:
                return DrivenFrame(frame, ground, at, self._path.since(at), self._width)
            self.without_pose += 1
        return None


def mark_driven_over(
    driven: DrivenFrame, drivable: tuple[int, ...], marks: Adaptation
) -> Answer | None:
    """Mark the alarms of a frame that were driven over. The guard may always refuse.

    Args:
        driven: the frame.
        drivable: classes of the bundle.
        marks: take them.

    Returns:
        What became of it; None where no alarm was driven over, and nothing was asked for.
    """
    mask = driven_over_mask(driven, drivable)
    return marks.mark_driven_over(driven.frame, mask) if mask.any() else None


def driven_over_mask(driven: DrivenFrame, drivable: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the alarms of a frame that the vehicle has driven over since.

    Returns:
        bool [H, W]: connected regions of alarms of which every pixel is inside the strip, and of
        which the teacher takes at most MOST_OTHER for something else than road. What stands
        beside the strip has its foot outside of it; what stood in it and has gone since is not
        taken for road.
    """
    found = alarms(driven.frame)
    rows, columns = np.nonzero(found)
    mask = np.zeros_like(found)
    if not len(rows):
        return mask
    inside = inside_strip(np.stack([columns, rows], axis=1).astype(np.float64), driven)
    road = np.isin(driven.frame.detection.class_id[rows, columns], drivable)
    count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    label = labels[rows, columns]
    size = np.bincount(label, minlength=count)
    whole = np.bincount(label[inside], minlength=count) == size
    other = np.bincount(label[~road], minlength=count) > MOST_OTHER * size
    taken = whole & ~other & (size > 0)
    mask[rows, columns] = taken[label]
    return mask


def inside_strip(pixels: Floats, driven: DrivenFrame) -> NDArray[np.bool_]:
    """Return which pixels of a frame show the strip that was driven over since, if they show road.

    A pixel has to be inside with each of PITCHES, because its place is not certain.

    Args:
        pixels: float64 [N, 2] of (x, y).
        driven: the frame.

    Returns:
        bool [N].
    """
    directions = driven.ground.rays.of_pixels(pixels) @ driven.ground.pose.rotation.T
    inside = np.ones(len(pixels), bool)
    for sigmas in PITCHES:
        points = _on_the_road(directions, sigmas * driven.ground.pitch_sigma, driven.ground.pose)
        inside &= _along(driven.pose.of_vehicle(points), driven.way, driven.width / 2)
    return inside


def _on_the_road(directions: Floats, pitch: float, pose: CameraPose) -> Floats:
    """Return where directions [N, 3] meet the road, [N, 2] of the vehicle's frame, or NaN.

    `pitch` is that of the vehicle against the road, radians, positive where its nose is down.
    """
    cos, sin = math.cos(pitch), math.sin(pitch)
    turned = directions @ np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(turned[:, 2] < 0.0, -pose.position[2] / turned[:, 2], np.nan)
    return np.asarray(pose.position[:2] + distance[:, None] * turned[:, :2], np.float64)


def _along(points: Floats, way: Floats, half: float) -> NDArray[np.bool_]:
    """Return which points [N, 2] are beside a piece of a way [M, 2] by at most `half` metres.

    The corners at the outside of a bend are left out.
    """
    inside = np.zeros(len(points), bool)
    for start, end in pairwise(way):
        length = float(np.hypot(*(end - start)))
        if length == 0.0:
            continue
        forward = (end - start) / length
        offset = points - start
        along = offset @ forward
        across = offset @ np.array([-forward[1], forward[0]])
        # NaN, of what meets no road, is nowhere inside.
        inside |= (along >= 0.0) & (along <= length) & (np.abs(across) <= half)
    return inside
