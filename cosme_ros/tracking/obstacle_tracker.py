# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Follows obstacles from frame to frame by their boxes.

The association is that of norfair (SORT: a Kalman filter of constant velocity for each box, and
assignment by a distance), with the distance of Zheng et al., "Distance-IoU Loss", AAAI 2020: it
tells near boxes from far ones also where they do not overlap, as the boxes of small obstacles do
not. docs/tracking.md says why this library and this distance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.missing_packages import named
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.tracking.continuity import Continuity
from cosme_ros.tracking.ground_speed import ground_velocity

LARGEST_DISTANCE = 1.3
"""1 - IoU + (distance of the centres / diagonal of the box around both)^2, of which the first part
is 1 for boxes that do not overlap: above this, two boxes are not the same obstacle."""

PATIENCE = 5
"""Frames without an obstacle that its track outlives; more where the alarm's window is longer."""

_POSITIONS = 60  # of a track that are kept: more than a second of any camera


@dataclass(frozen=True)
class Track:
    """What is known over time of an obstacle that a frame shows."""

    id: int
    """From 1 on; no number is used twice by a tracker."""
    age: float
    """Seconds since it was first seen, by stamp."""
    frames_seen: int
    """How many frames have shown it, this one among them."""
    confirmed: bool
    """Whether it has been seen in as many frames as an alarm needs; stays so."""
    velocity: tuple[float, float] | None = None
    """m/s in the frame of the positions that were given; None where too few were."""

    @property
    def speed(self) -> float | None:
        """Return the speed in m/s; None where the velocity is not known."""
        return None if self.velocity is None else float(np.hypot(*self.velocity))


@dataclass
class _History:
    """Of one track."""

    id: int
    first_stamp: int
    seen: deque[int]
    """The frames of the alarm's window that have shown it, by their numbers."""
    frames_seen: int = 0
    confirmed: bool = False
    positions: deque[tuple[int, float, float]] = field(
        default_factory=lambda: deque(maxlen=_POSITIONS)
    )


class ObstacleTracker:
    """The obstacles of one camera, frames in order. Not for two threads at a time.

    Args:
        min_seen: frames of the last `window` that have to show an obstacle before it is confirmed.
        window: frames. 1 of 1 confirms every obstacle at once.

    Raises:
        ValueError: `min_seen` is not between 1 and `window`.
        MissingPackageError: norfair is not installed.
    """

    def __init__(self, *, min_seen: int = 1, window: int = 1) -> None:
        if not 1 <= min_seen <= window:
            raise ValueError(
                f"an obstacle cannot be seen in {min_seen} of {window} frames; 1 or more of as "
                "many frames or more is right"
            )
        with named():
            import norfair
            from norfair.distances import VectorizedDistance

        self._library = norfair
        self._distance = VectorizedDistance(box_distances)
        self._min_seen = min_seen
        self._window = window
        self._patience = max(PATIENCE, window)
        self._continuity = Continuity()
        self._frame = 0
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: whatever is seen next is new. Ids go on rising."""
        self._histories: dict[int, _History] = {}
        self._tracker: Any = self._library.Tracker(
            distance_function="iou",
            distance_threshold=LARGEST_DISTANCE,
            hit_counter_max=self._patience,
            initialization_delay=0,  # every obstacle is a track from its first frame on
            past_detections_length=0,
        )
        # By a name it takes its own distances only, and of a function it would make a loop.
        self._tracker.distance_function = self._distance

    def update(
        self,
        obstacles: Sequence[Obstacle],
        stamp: int,
        *,
        positions: Sequence[tuple[float, float] | None] | None = None,
        scene: Hashable = None,
    ) -> tuple[Track, ...]:
        """Return the track of each obstacle of the next frame, in their order.

        A frame whose obstacles are unknown is not given here: it shows nothing, not even that an
        obstacle has gone. Where the drive was interrupted (`Continuity`), all tracks end.

        Args:
            obstacles: of the frame.
            stamp: of the frame, nanoseconds.
            positions: of the obstacles on the ground, (x, y) in metres in one frame; None for one
                whose position is not known, or for all.
            scene: names the part of the drive; a change is a cut.
        """
        if self._continuity.breaks(stamp, scene):
            self.reset()
        self._frame += 1
        detections = [
            self._library.Detection(_corners(obstacle), data=(self._frame, index))
            for index, obstacle in enumerate(obstacles)
        ]
        # With this period, a hit sets the counter of misses back to its maximum, also the first.
        self._tracker.update(detections, period=self._patience)
        tracks: list[Track | None] = [None] * len(obstacles)
        alive: dict[int, _History] = {}
        for tracked in self._tracker.tracked_objects:
            history = self._histories.get(tracked.id) or self._begun(stamp)
            alive[tracked.id] = history
            frame, index = tracked.last_detection.data
            if frame == self._frame:
                position = None if positions is None else positions[index]
                tracks[index] = self._seen(history, stamp, position)
        self._histories = alive
        found = tuple(track for track in tracks if track is not None)
        assert len(found) == len(obstacles), "norfair gives every detection a track"
        return found

    def _begun(self, stamp: int) -> _History:
        history = _History(self._next_id, stamp, deque(maxlen=self._min_seen))
        self._next_id += 1
        return history

    def _seen(self, history: _History, stamp: int, position: tuple[float, float] | None) -> Track:
        history.frames_seen += 1
        history.seen.append(self._frame)
        history.confirmed |= (
            len(history.seen) == self._min_seen and self._frame - history.seen[0] < self._window
        )
        if position is not None:
            history.positions.append((stamp, *position))
        return Track(
            id=history.id,
            age=max(stamp - history.first_stamp, 0) * 1e-9,
            frames_seen=history.frames_seen,
            confirmed=history.confirmed,
            velocity=None if position is None else ground_velocity(history.positions),
        )


def box_distances(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance-IoU of every pair, 1 - IoU + d^2 / c^2, 0..2.

    d is the distance of the centres, c the diagonal of the smallest box around both (Zheng et al.,
    2020, Eq. 7).

    Args:
        boxes: [n, 4] of left, top, right, bottom.
        others: [m, 4]; a predicted box may have no width or height, and counts as one pixel then.

    Returns:
        float64 [n, m].
    """
    first, second = boxes[:, None], others[None]
    size = np.maximum(first[..., 2:] - first[..., :2], 1.0)
    other_size = np.maximum(second[..., 2:] - second[..., :2], 1.0)
    shared = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    common = np.prod(np.maximum(shared, 0.0), axis=-1)
    union = np.prod(size, axis=-1) + np.prod(other_size, axis=-1) - common
    around = np.maximum(first[..., 2:], second[..., 2:]) - np.minimum(
        first[..., :2], second[..., :2]
    )
    apart = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    diagonal = np.maximum((around**2).sum(axis=-1), 1.0)
    return np.asarray(1.0 - common / union + (apart**2).sum(axis=-1) / diagonal, np.float64)


def _corners(obstacle: Obstacle) -> NDArray[np.float64]:
    left, top = float(obstacle.x), float(obstacle.y)
    return np.array([[left, top], [left + obstacle.width, top + obstacle.height]])
