# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which result a vehicle had at the moment of each frame: streaming accuracy.

Li, Wang and Ramanan, "Towards Streaming Perception", ECCV 2020: what is true at a time t is
compared with the newest result that had been published by then, because a vehicle acts on what it
knows, and by the time that a frame is processed the world has moved on. Here:

- A frame's *moment* is its stamp, where it was stamped when it was played. A player that leaves the
  stamps of the bag as they are (`ros2 bag play`) says nothing of when it played; then it is the
  moment at which the recorder received the picture.
- A result is published at the moment at which the recorder received its score: transport counts.
- A frame is judged by the result that was published last at or before its moment. Its own comes
  later than that: even the fastest detector is evaluated by its result of the frame before.
- Before the first result there is none. The paper takes the empty answer then; here that is
  a score of 0 everywhere, so that an anomaly in those frames counts as missed. How many they were
  is reported beside it.

All times are nanoseconds since the epoch, all on the clock of one machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STAMP, ARRIVAL = "stamp", "arrival of the picture"
"""What the moment of a frame can be."""

# A picture that arrives longer after its stamp was not stamped by who played it.
_PLAUSIBLE_AGE = 10_000_000_000


@dataclass(frozen=True)
class FrameTimes:
    """When the messages of one frame arrived at the recorder, and their common stamp."""

    stamp: int
    picture: int
    score: int | None
    """None: the frame was dropped, or failed."""
    mask: int | None
    """None: as the score, or the mask was withheld."""


@dataclass(frozen=True)
class Timeline:
    """The frames of a replay in the order of their moments, and what was known at each."""

    clock: str
    """STAMP or ARRIVAL."""
    frames: tuple[FrameTimes, ...]
    moments: tuple[int, ...]
    """Of each frame."""
    newest: tuple[int | None, ...]
    """Of each frame, the index of the one whose result was the newest; None before the first."""

    def judged_by(self) -> Mapping[int, int | None]:
        """Map the stamp of each frame to that of the result that it is evaluated by."""
        return {
            frame.stamp: None if newest is None else self.frames[newest].stamp
            for frame, newest in zip(self.frames, self.newest, strict=True)
        }

    def latencies(self) -> NDArray[np.float64]:
        """Return the seconds from the moment to the arrival of the last of score and mask."""
        return np.array(
            [
                (max(frame.score, frame.mask or frame.score) - moment) * 1e-9
                for frame, moment in zip(self.frames, self.moments, strict=True)
                if frame.score is not None
            ]
        )

    def ages(self) -> NDArray[np.float64]:
        """Return how old the newest result is at each frame, in seconds.

        Returns:
            From the moment of the frame that the result shows to the moment of the frame that it
            is judged at: float64 [frames with a result to be judged by].
        """
        return np.array(
            [
                (moment - self.moments[newest]) * 1e-9
                for moment, newest in zip(self.moments, self.newest, strict=True)
                if newest is not None
            ]
        )

    def frames_behind(self) -> NDArray[np.int64]:
        """Return the same in frames: int64 [frames with a result to be judged by]."""
        return np.array(
            [index - newest for index, newest in enumerate(self.newest) if newest is not None],
            np.int64,
        )


def timeline(frames: Sequence[FrameTimes]) -> Timeline:
    """Return what was known at the moment of each frame; `frames` in any order."""
    stamped = all(0 <= frame.picture - frame.stamp < _PLAUSIBLE_AGE for frame in frames)
    pairs = sorted(
        ((frame.stamp if stamped else frame.picture, frame) for frame in frames),
        key=lambda pair: pair[0],
    )
    moments = tuple(moment for moment, _ in pairs)
    ordered = tuple(frame for _, frame in pairs)
    published = sorted(
        (frame.score, index) for index, frame in enumerate(ordered) if frame.score is not None
    )
    arrivals = [arrival for arrival, _ in published]
    until = np.searchsorted(arrivals, moments, side="right") if arrivals else [0] * len(moments)
    newest = tuple(published[count - 1][1] if count else None for count in map(int, until))
    return Timeline(STAMP if stamped else ARRIVAL, ordered, moments, newest)
