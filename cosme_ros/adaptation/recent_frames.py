# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The newest frames of a camera, which a mark may be about, and quiet ones for the self-test."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import Bundle
from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, drivable_area

MOST_FRAMES = 20
"""Two seconds of a camera at 10 Hz: who makes a mask for a frame needs some time."""
MOST_BYTES = 256 << 20
"""Of the images of one camera."""
MOST_QUIET = 6
QUIET_PERIOD = 2_000_000_000
"""Nanoseconds between two quiet frames: neighbours show the same street."""


@dataclass(frozen=True, eq=False)
class RecentFrame:
    """A frame as it was detected.

    Attributes:
        camera: its name.
        stamp: nanoseconds.
        image: uint8 [H, W, 3] BGR.
        detection: of the frame.
        rule: what makes an obstacle.
    """

    camera: str
    stamp: int
    image: NDArray[np.uint8]
    detection: Detection
    rule: ObstacleRule


@dataclass(frozen=True, eq=False)
class QuietFrame:
    """A frame without an alarm, of the network input's size.

    Attributes:
        image: uint8 [h, w, 3] BGR.
        ground: bool [h, w], the drivable area; the lower half where the bundle knows none.
    """

    image: NDArray[np.uint8]
    ground: NDArray[np.bool_]


class RecentFrames:
    """Of one camera. May be used from any thread."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()
        self._frames: deque[RecentFrame] = deque(maxlen=MOST_FRAMES)
        self._quiet: deque[QuietFrame] = deque(maxlen=MOST_QUIET)
        self._newest_quiet: int | None = None

    def add(self, frame: RecentFrame) -> None:
        """Keep a frame; the oldest goes where there are too many."""
        with self._lock:
            self._frames.append(frame)
            while len(self._frames) > 1 and self._bytes() > MOST_BYTES:
                self._frames.popleft()
            before = self._newest_quiet
            due = before is None or not 0 <= frame.stamp - before < QUIET_PERIOD
            if due and frame.detection.score_grid.max() < 1.0:
                self._quiet.append(self._quieted(frame))
                self._newest_quiet = frame.stamp

    def newest(self) -> RecentFrame | None:
        """Return the frame that came last; None before the first."""
        with self._lock:
            return self._frames[-1] if self._frames else None

    def at(self, stamp: int) -> RecentFrame | None:
        """Return the frame with this stamp, nanoseconds; None where it is not among them."""
        with self._lock:
            return next((f for f in reversed(self._frames) if f.stamp == stamp), None)

    def quiet(self) -> tuple[QuietFrame, ...]:
        """Return the quiet frames, the oldest first."""
        with self._lock:
            return tuple(self._quiet)

    def _bytes(self) -> int:
        return sum(frame.image.nbytes for frame in self._frames)

    def _quieted(self, frame: RecentFrame) -> QuietFrame:
        orientation = frame.detection.orientation
        height, width = orientation.size(*self._bundle.input_size)
        ground = np.zeros((height, width), bool)
        if self._bundle.drivable_class_ids:
            region = drivable_area(frame.detection, self._bundle.drivable_class_ids)
            ground = _resized(region.astype(np.uint8), (width, height)) > 0
        if not ground.any():
            upright = np.zeros(self._bundle.input_size, bool)
            upright[len(upright) // 2 :] = True
            ground = orientation.as_camera(upright)
        small = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
        return QuietFrame(np.asarray(small, np.uint8), ground)


def _resized(array: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_NEAREST), np.uint8)
