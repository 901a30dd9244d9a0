# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether a frame goes on from the one before it: gaps, time jumps and cuts of a drive."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from statistics import median

LONGEST_GAP_S = 1.0
"""Seconds between two frames; after a longer gap the camera sees another place."""
LONGEST_GAP_PERIODS = 4.0
"""Of a slow camera or detector: a gap is longer than so many of its usual periods, too."""
_PERIODS = 9  # of which the usual one is the median


class Continuity:
    """Detects breaks between frames. For one camera, frames in order.

    >>> continuity = Continuity()
    >>> [continuity.breaks(stamp) for stamp in (0, 100_000_000, 200_000_000, 5_000_000_000)]
    [False, False, False, True]
    """

    def __init__(self) -> None:
        self._stamp: int | None = None
        self._scene: Hashable = None
        self._periods: deque[float] = deque(maxlen=_PERIODS)

    def breaks(self, stamp: int, scene: Hashable = None) -> bool:
        """Return whether the drive was interrupted since the last frame.

        It was where the scene is another one, where the stamp is before the last one, and where the
        gap is longer than LONGEST_GAP_S and than LONGEST_GAP_PERIODS usual periods. The second
        limit is for detectors that are slower than one frame a second: without it, no frame of
        theirs would go on from another. Equal stamps are no interruption: a driver that does not
        set them would be interrupted at every frame.

        Args:
            stamp: of the frame, nanoseconds.
            scene: whatever names the part of the drive; None where nothing does.
        """
        before, self._stamp = self._stamp, stamp
        scene_before, self._scene = self._scene, scene
        if before is None:
            return False
        seconds = (stamp - before) * 1e-9
        usual = median(self._periods) if self._periods else 0.0
        if seconds > 0:
            self._periods.append(seconds)
        return (
            scene != scene_before
            or seconds < 0
            or seconds > max(LONGEST_GAP_S, LONGEST_GAP_PERIODS * usual)
        )
