# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Do labelled obstacles keep their identity? Identity switches and fragmentations (CLEAR MOT).

Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics", EURASIP Journal on Image and Video Processing 2008; fragmentations as in Milan et al.,
"MOT16", 2016. The test compares both counts with those of py-motmetrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class IdentityCounts:
    """Of any number of frames."""

    obstacles: int
    """Labelled obstacles that had a track at least once."""
    switches: int
    """How often an obstacle had another track than when it last had one."""
    fragmentations: int
    """How often an obstacle was without a track between two frames with one."""


class IdentityCounter:
    """Fed with labelled frames in order.

    Each obstacle has at most one track in a frame, and each track one obstacle. An obstacle keeps
    the track that it last had for as long as that covers enough of it; the others get tracks such
    that as many as possible have one, and of these choices the one that covers most.
    """

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._is_lost: dict[int, bool] = {}
        self._switches = 0
        self._fragmentations = 0

    def add(self, shares: Mapping[int, Mapping[int, float]]) -> dict[int, int]:
        """Return the track of each obstacle that has one in this frame.

        Args:
            shares: for each obstacle that the frame shows, by number: the tracks that cover enough
                of it to be it, with the share of its pixels that each covers, above 0 to 1.
        """
        found: dict[int, int] = {}
        for obstacle, tracks in shares.items():
            last = self._last.get(obstacle)
            if last is not None and last in tracks and last not in found.values():
                found[obstacle] = last
        found |= _assigned(
            {obstacle: tracks for obstacle, tracks in shares.items() if obstacle not in found},
            set(found.values()),
        )
        for obstacle in shares:
            if obstacle not in found:
                self._is_lost[obstacle] = True
                continue
            last = self._last.get(obstacle)
            if last is not None:
                self._switches += last != found[obstacle]
                self._fragmentations += self._is_lost[obstacle]
            self._last[obstacle] = found[obstacle]
            self._is_lost[obstacle] = False
        return found

    @property
    def counts(self) -> IdentityCounts:
        """Return the counts of the frames so far."""
        return IdentityCounts(len(self._last), self._switches, self._fragmentations)


def _assigned(shares: Mapping[int, Mapping[int, float]], taken: set[int]) -> dict[int, int]:
    obstacles = list(shares)
    tracks = sorted({track for found in shares.values() for track in found} - taken)
    if not obstacles or not tracks:
        return {}
    # One more pair is worth more than any share.
    worth = np.array(
        [[2.0 + shares[o][t] if t in shares[o] else 0.0 for t in tracks] for o in obstacles]
    )
    pairs = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return {obstacles[o]: tracks[t] for o, t in pairs if worth[o, t] > 0}
