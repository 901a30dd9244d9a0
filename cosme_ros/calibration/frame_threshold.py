# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How high the alarm line must be for a frame to stay silent: one number for each frame."""

import cv2
import numpy as np
from numpy.typing import NDArray


def frame_alarm_threshold(
    score: NDArray[np.float32], *, region: NDArray[np.bool_] | None, minimum_area: int
) -> float:
    """Return the highest alarm line at which a frame still shows an obstacle.

    With the line at the returned score or below, `obstacles.find_obstacles` finds an obstacle. With
    the line above, it finds none: the set of pixels above a line only shrinks as the line rises.

    Args:
        score: float32 [H, W], finite, 0 or more, in any unit.
        region: bool [H, W]; None is the whole image.
        minimum_area: pixels, 1 or more.

    Returns:
        A value of `score`; 0.0 where no line above 0 finds an obstacle.

    Raises:
        ValueError: an argument has a wrong type, shape or range.
    """
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"score is {score.dtype} {list(score.shape)}; float32 [H, W] is right")
    if not np.isfinite(score).all() or (score < 0).any():
        raise ValueError("score holds NaN, infinity or a negative value; it is 0 or more")
    if minimum_area < 1:
        raise ValueError(f"minimum_area is {minimum_area} pixels; 1 or more is right")
    if region is not None:
        score = np.where(region, score, np.float32(0))
    falling = np.sort(score[score > 0])[::-1]
    if falling.size < minimum_area:
        return 0.0

    def alarms(place: int) -> bool:
        above = (score >= falling[place]).view(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
        return bool((boxes[1:, cv2.CC_STAT_AREA] >= minimum_area).any())

    # Fewer pixels than minimum_area are no obstacle. Most often not many more already are one, so
    # the search gallops from there.
    silent, candidate = minimum_area - 2, minimum_area - 1
    while not alarms(candidate):
        if candidate == falling.size - 1:
            return 0.0
        silent, candidate = candidate, min(2 * candidate + 1, falling.size - 1)
    while candidate - silent > 1:
        middle = (silent + candidate) // 2
        if alarms(middle):
            candidate = middle
        else:
            silent = middle
    return float(falling[candidate])
