# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which pixels of a mask belong to which obstacle."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.postprocessing.obstacles import Obstacle


def region_numbers(mask: NDArray[np.uint8], obstacles: Sequence[Obstacle]) -> NDArray[np.int32]:
    """Return for each pixel the number of its obstacle, int32 [H, W].

    An obstacle is found by its box and its area. Of two with the same box and area, which region is
    whose is not defined.

    Args:
        mask: uint8 [H, W], 0 or 255.
        obstacles: of the mask.

    Returns:
        0 outside of all, 1 for the first obstacle, and so on; -1 in regions of no obstacle.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    numbers_of: dict[tuple[int, ...], list[int]] = {}
    for number, o in reversed(list(enumerate(obstacles, start=1))):
        numbers_of.setdefault((o.x, o.y, o.width, o.height, o.area), []).append(number)
    numbers = np.full(len(boxes), -1, np.int32)
    numbers[0] = 0
    for label, box in enumerate(boxes.tolist()[1:], start=1):
        left = numbers_of.get(tuple(box))
        if left:
            numbers[label] = left.pop()
    return np.asarray(numbers[labels], np.int32)
