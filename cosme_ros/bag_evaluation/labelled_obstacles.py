# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How soon is a labelled obstacle found? Follows each from frame to frame by overlap."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bag_reading import ANOMALY

FOUND_SHARE = 0.1
"""Of an obstacle's pixels: what the mask has to cover at least for the obstacle to be found. A
planner needs no outline to brake, but one stray pixel at the rim is no finding."""


@dataclass
class LabelledObstacle:
    """A connected anomalous region, from the frame in which it appears to its last."""

    number: int
    """Counted from 1 within a bag."""
    first_frame: int
    first_stamp: int
    """Nanoseconds."""
    first_area: int
    """Pixels when it appears."""
    frames: int = 0
    """How many frames show it."""
    frames_found: int = 0
    """In how many of them it is found."""
    found_after: int | None = None
    """Frames from its appearance to the first in which it is found: 0 at once, None never."""
    found_after_seconds: float | None = None
    """The same by stamp; None also where stamps do not rise."""
    found_area: int | None = None
    """Pixels when it is first found."""
    last_frame: int = 0


@dataclass(frozen=True)
class Missed:
    """An obstacle that a frame shows and the mask does not."""

    obstacle: int
    area: int


class LabelledObstacles:
    """Fed with labelled frames in order.

    A region (8 neighbours) is the same obstacle as the region of the labelled frame before that it
    shares most pixels with; without a shared pixel it is a new one. A region in two parts, as
    behind a pole, is one obstacle still.
    """

    def __init__(self, minimum_area: int) -> None:
        """Regions of fewer pixels are not there yet: an obstacle appears when it reaches that."""
        self._minimum_area = minimum_area
        self._before: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.all: list[LabelledObstacle] = []

    def add(
        self, frame: int, stamp: int, label: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[Missed, ...]:
        """`label` uint8 [H, W]; `mask` uint8 [H, W], 0 or 255, None if withheld: finds nothing.

        Returns what is shown and not found.
        """
        numbers = self._numbered(frame, stamp, label == ANOMALY)
        self._before = numbers
        present = np.bincount(numbers.ravel(), minlength=len(self.all) + 1)
        covered = np.zeros_like(present)
        if mask is not None:
            covered = np.bincount(numbers[mask > 0], minlength=present.size)
        missed = []
        for number in np.flatnonzero(present[1:]) + 1:
            obstacle, area = self.all[number - 1], int(present[number])
            obstacle.frames += 1
            obstacle.last_frame = frame
            if covered[number] < FOUND_SHARE * area:
                missed.append(Missed(obstacle.number, area))
                continue
            obstacle.frames_found += 1
            if obstacle.found_after is None:
                obstacle.found_after = frame - obstacle.first_frame
                if stamp >= obstacle.first_stamp:
                    obstacle.found_after_seconds = (stamp - obstacle.first_stamp) * 1e-9
                obstacle.found_area = area
        return tuple(missed)

    def _numbered(self, frame: int, stamp: int, anomalous: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Number of each pixel's obstacle, int32 [H, W]; 0 is outside of all."""
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(
            anomalous.view(np.uint8), connectivity=8, ltype=cv2.CV_32S
        )
        if self._before.shape != regions.shape:  # the first frame, or another camera
            self._before = np.zeros_like(regions)
        number_of = np.zeros(count, np.int32)
        for region in range(1, count):
            x, y, width, height, area = boxes[region].tolist()
            if area < self._minimum_area:
                continue
            box = np.s_[y : y + height, x : x + width]
            before = self._before[box][regions[box] == region]
            shared = np.bincount(before)[1:]
            if shared.any():
                number_of[region] = int(shared.argmax()) + 1
                continue
            number = len(self.all) + 1
            self.all.append(LabelledObstacle(number, frame, stamp, area, last_frame=frame))
            number_of[region] = number
        return np.asarray(number_of[regions], np.int32)
