# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How soon is a labelled obstacle found? Follows each from frame to frame by overlap."""

from dataclasses import dataclass, field
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.metrics.labels import ANOMALY, IGNORED, NORMAL
from cosme_ros.visualization.panels import Region

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
    largest_area: int = 0
    """Pixels where it is largest."""
    ious: list[float] = field(default_factory=list)
    """Of each frame in which it is found: intersection over union of the obstacle and the mask's
    regions that touch it, without what is labelled as another obstacle or ignored."""

    @property
    def iou(self) -> float | None:
        """Return the median of `ious`; None where it is never found."""
        return median(self.ious) if self.ious else None


@dataclass(frozen=True)
class Sighting:
    """An obstacle that a frame shows."""

    obstacle: int
    """Its number."""
    area: int
    """Pixels in this frame."""
    found: bool
    """Whether the mask covers FOUND_SHARE of it or more."""
    iou: float
    """As `LabelledObstacle.ious`; 0 where the mask touches nothing of it."""
    box: Region


@dataclass(frozen=True)
class FalseAlarm:
    """A region of the mask that touches no labelled anomaly, but a place that is judged."""

    peak: float
    """Its highest score."""
    area: int
    box: Region


def false_alarms(
    mask: NDArray[np.uint8], label: NDArray[np.uint8], score: NDArray[np.float32]
) -> tuple[FalseAlarm, ...]:
    """Return the false alarms of a frame; arrays [H, W], as `FrameView` has them."""
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    on_anomaly = np.bincount(regions[label == ANOMALY], minlength=count)
    on_normal = np.bincount(regions[label == NORMAL], minlength=count)
    false = (on_anomaly == 0) & (on_normal > 0)
    false[0] = False  # outside of all
    return tuple(
        FalseAlarm(
            float(score[regions == region].max()),
            int(boxes[region, cv2.CC_STAT_AREA]),
            Region(*boxes[region, :4].tolist()),
        )
        for region in np.flatnonzero(false)
    )


class LabelledObstacles:
    """Fed with labelled frames in order.

    A region (8 neighbours) is the same obstacle as the region of the labelled frame before that it
    shares most pixels with; without a shared pixel it is a new one. A region in two parts, as
    behind a pole, is one obstacle still.
    """

    def __init__(self, minimum_area: int) -> None:
        """Set the area in pixels at which an obstacle appears."""
        self._minimum_area = minimum_area
        self._before: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.all: list[LabelledObstacle] = []

    def cut(self) -> None:
        """Start a new scene: obstacles of the next frame are new."""
        self._before = np.zeros((0, 0), np.int32)

    def covered_shares(
        self, regions: NDArray[np.int32], count: int
    ) -> dict[int, NDArray[np.float64]]:
        """Return which share of each obstacle of the last frame lies in each region.

        Args:
            regions: int32 [H, W], the number of each pixel's region, 0 to count - 1.
            count: of the regions.

        Returns:
            For each obstacle's number, float64 [count].
        """
        shares = {}
        for number in np.flatnonzero(np.bincount(self._before.ravel())[1:]) + 1:
            pixels = np.bincount(regions[self._before == number], minlength=count)
            shares[int(number)] = pixels / pixels.sum()
        return shares

    def add(
        self, frame: int, stamp: int, label: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[Sighting, ...]:
        """`label` uint8 [H, W]; `mask` uint8 [H, W], 0 or 255, None if withheld: finds nothing.

        Returns what the frame shows.
        """
        numbers = self._numbered(frame, stamp, label == ANOMALY)
        self._before = numbers
        present = np.bincount(numbers.ravel(), minlength=len(self.all) + 1)
        regions: NDArray[np.int32] | None = None
        if mask is not None and present[1:].any():
            regions = np.asarray(cv2.connectedComponents(mask, ltype=cv2.CV_32S)[1], np.int32)
        sightings = []
        for number in np.flatnonzero(present[1:]) + 1:
            obstacle, area = self.all[number - 1], int(present[number])
            obstacle.frames += 1
            obstacle.last_frame = frame
            obstacle.largest_area = max(obstacle.largest_area, area)
            shown = numbers == number
            covered, iou = _overlap(shown, regions, numbers, label)
            found = covered >= FOUND_SHARE * area
            box = Region(*cv2.boundingRect(shown.view(np.uint8)))
            sightings.append(Sighting(obstacle.number, area, found, iou, box))
            if not found:
                continue
            obstacle.frames_found += 1
            obstacle.ious.append(iou)
            if obstacle.found_after is None:
                obstacle.found_after = frame - obstacle.first_frame
                if stamp >= obstacle.first_stamp:
                    obstacle.found_after_seconds = (stamp - obstacle.first_stamp) * 1e-9
                obstacle.found_area = area
        return tuple(sightings)

    def _numbered(self, frame: int, stamp: int, anomalous: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the number of each pixel's obstacle, int32 [H, W]; 0 is the background."""
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


def _overlap(
    shown: NDArray[np.bool_],
    regions: NDArray[np.int32] | None,
    numbers: NDArray[np.int32],
    label: NDArray[np.uint8],
) -> tuple[int, float]:
    """Return how many pixels of an obstacle the mask covers, and the intersection over union.

    `regions` are those of the mask, 0 outside of them; `numbers` those of all obstacles.
    """
    if regions is None:
        return 0, 0.0
    touching = np.unique(regions[shown])
    touching = touching[touching > 0]
    if not touching.size:
        return 0, 0.0
    theirs = np.isin(regions, touching) & (label != IGNORED) & (shown | (numbers == 0))
    covered = int(np.count_nonzero(theirs & shown))
    return covered, covered / int(np.count_nonzero(theirs | shown))
