# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The obstacles of a frame without those that are not confirmed yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosme_ros.postprocessing.obstacle_decision import ObstacleDecision
from cosme_ros.postprocessing.obstacle_regions import region_numbers
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.tracking.obstacle_tracker import Track


@dataclass(frozen=True)
class TrackedDecision:
    """What a frame shows, and which of it is which."""

    decision: ObstacleDecision
    """With confirmed obstacles alone."""
    tracks: tuple[Track, ...]
    """Of the decision's obstacles, in their order."""
    unconfirmed: int
    """Obstacles that were left out, because they are not confirmed."""


def confirmed_only(decision: ObstacleDecision, tracks: Sequence[Track]) -> TrackedDecision:
    """Return the decision without the obstacles whose track is not confirmed.

    Where all are confirmed, decision and mask are the very same. A region of the mask is removed
    only if it is that of an obstacle that is not confirmed.

    Args:
        decision: of the frame.
        tracks: of its obstacles, in their order.
    """
    pairs = list(zip(decision.obstacles, tracks, strict=True))
    kept = [(obstacle, track) for obstacle, track in pairs if track.confirmed]
    unconfirmed = len(pairs) - len(kept)
    if decision.mask is None or not unconfirmed:
        return TrackedDecision(decision, tuple(tracks), 0)
    places = {_place(obstacle) for obstacle, _ in kept}
    hidden = [
        number
        for number, (obstacle, track) in enumerate(pairs, start=1)
        # Two obstacles of one box and area cannot be distinguished: then both stay.
        if not track.confirmed and _place(obstacle) not in places
    ]
    numbers = region_numbers(decision.mask, decision.obstacles)
    mask = np.where(np.isin(numbers, hidden), np.uint8(0), decision.mask)
    return TrackedDecision(
        ObstacleDecision(mask, tuple(obstacle for obstacle, _ in kept)),
        tuple(track for _, track in kept),
        unconfirmed,
    )


def _place(o: Obstacle) -> tuple[int, ...]:
    return o.x, o.y, o.width, o.height, o.area
