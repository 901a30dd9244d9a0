# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The outlines of obstacles, for the overlay and the markers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cosme_ros.postprocessing.obstacles import Obstacle

# Pixels: a line of single steps takes ten times as long to draw and to send, and is no clearer.
_TOLERANCE = 1.0
_SMALL = 32  # pixels; an obstacle less wide or high keeps its shape to half a pixel
_SMALL_TOLERANCE = 0.5


def outlines(mask: np.ndarray, obstacles: Sequence[Obstacle]) -> tuple[np.ndarray, ...]:
    """One closed line an obstacle, int32 [N, 2] of (x, y) in pixels.

    It runs along the outermost pixels, one pixel off at most. `mask` is uint8 [H, W] and
    `obstacles` are what `find_obstacles` returned with it. Holes have no line. Of obstacles with
    exactly the same box, which line is whose is not defined. Raises ValueError where the mask does
    not show an obstacle.
    """
    if not obstacles:
        return ()
    # Two levels, because of the one that lists outermost lines only an obstacle inside another's
    # hole is missing.
    lines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    by_box: dict[tuple[int, int, int, int], list[np.ndarray]] = {}
    parents = () if hierarchy is None else hierarchy[0, :, 3].tolist()
    for line, parent in zip(lines, parents, strict=True):
        if parent < 0:
            x, y, width, height = cv2.boundingRect(line)
            by_box.setdefault((x, y, width, height), []).append(line)
    found = []
    for obstacle in obstacles:
        same_box = by_box.get((obstacle.x, obstacle.y, obstacle.width, obstacle.height))
        if not same_box:
            raise ValueError(f"the mask shows nothing that fills the box of {obstacle}")
        small = min(obstacle.width, obstacle.height) < _SMALL
        tolerance = _SMALL_TOLERANCE if small else _TOLERANCE
        found.append(cv2.approxPolyDP(same_box.pop(), tolerance, True)[:, 0])
    return tuple(found)
