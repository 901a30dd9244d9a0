# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a mark costs: things painted into stored frames, found before it and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosme_ros.adaptation.painted_things import paint_things
from cosme_ros.adaptation.recent_frames import QuietFrame
from cosme_ros.adaptation.rescoring import alarm_with_banks
from cosme_ros.inference.detector import Detector

THINGS_A_FRAME = 3
FOUND_SHARE = 0.5
"""Of a thing's pixels at or above the alarm line: from this share on it is found, as in `fit`."""
_FEWEST_PIXELS = 20  # of a thing that is counted: the others are hidden by nearer ones
_SEED = 15


@dataclass(frozen=True)
class Cost:
    """What is found before and after a mark, with the same pictures.

    Attributes:
        frames: painted.
        things: painted and visible.
        found_before: of the things.
        found_after: likewise.
        pixels_before: share of the things' pixels at or above the alarm line, 0..1.
        pixels_after: likewise.
    """

    frames: int
    things: int
    found_before: int
    found_after: int
    pixels_before: float
    pixels_after: float

    def sentence(self) -> str:
        """Return the cost in words."""
        if not self.things:
            return "self-test: not possible, because no frame without an alarm is stored yet"
        return (
            f"self-test: of {self.things} things painted into {self.frames} stored frames "
            f"{self.found_before} were found before the mark and {self.found_after} are found "
            f"after it ({self.pixels_before:.1%} and {self.pixels_after:.1%} of their pixels)"
        )


def measure_cost(
    detector: Detector,
    frames: Sequence[QuietFrame],
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
) -> Cost:
    """Run the self-test with the banks of before and after a mark.

    The same frames give the same pictures. The detector keeps its own banks, and frames of the
    camera may run between the pictures.

    Args:
        detector: runs the pictures.
        frames: without an alarm.
        before: all banks by name, as in `Detector.set_banks`.
        after: likewise.
    """
    painted = [_painted(frames, index) for index in range(len(frames))]
    seen_before = [_seen(detector, *picture, before) for picture in painted]
    seen_after = [_seen(detector, *picture, after) for picture in painted]
    first = [seen for picture in seen_before for seen in picture]
    second = [seen for picture in seen_after for seen in picture]
    pixels = sum(size for size, _ in first)
    return Cost(
        frames=len(frames),
        things=len(first),
        found_before=_found(first),
        found_after=_found(second),
        pixels_before=sum(alarm for _, alarm in first) / pixels if pixels else 0.0,
        pixels_after=sum(alarm for _, alarm in second) / pixels if pixels else 0.0,
    )


def _painted(frames: Sequence[QuietFrame], index: int) -> tuple[np.ndarray, np.ndarray]:
    frame, donor = frames[index], frames[(index + 1) % len(frames)]
    random = np.random.default_rng((_SEED, index))
    return paint_things(frame.image, frame.ground, donor.image, THINGS_A_FRAME, random)


def _seen(
    detector: Detector, picture: np.ndarray, thing: np.ndarray, banks: Mapping[str, np.ndarray]
) -> list[tuple[int, int]]:
    """Return, for each visible thing, its pixels and how many of them alarm."""
    alarm = alarm_with_banks(detector, picture, banks)
    sizes = np.bincount(thing.ravel(), minlength=THINGS_A_FRAME + 1)
    alarms = np.bincount(thing[alarm], minlength=THINGS_A_FRAME + 1)
    return [
        (int(sizes[number]), int(alarms[number]))
        for number in range(1, len(sizes))
        if sizes[number] >= _FEWEST_PIXELS
    ]


def _found(seen: Sequence[tuple[int, int]]) -> int:
    return sum(alarm >= FOUND_SHARE * size for size, alarm in seen)
