# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where on a grid of the networks an obstacle is."""

import numpy as np
from numpy.typing import NDArray

from cosme_ros.postprocessing.obstacles import Obstacle

Places = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns."""


def places_of(obstacle: Obstacle, mask: NDArray[np.uint8], size: tuple[int, int]) -> Places:
    """Return the places of a grid that an obstacle covers, one at least.

    Args:
        obstacle: in pixels of the image.
        mask: uint8 [H, W] of all obstacles.
        size: height and width of the grid.

    Returns:
        The places whose centres are on the mask and in the obstacle's box. Where it lies between
        all centres, the place that the middle of its box is in.
    """
    height, width = mask.shape
    rows = ((np.arange(size[0]) + 0.5) * height / size[0]).astype(np.intp)
    columns = ((np.arange(size[1]) + 0.5) * width / size[1]).astype(np.intp)
    inside_rows = np.flatnonzero((rows >= obstacle.y) & (rows < obstacle.y + obstacle.height))
    inside_columns = np.flatnonzero(
        (columns >= obstacle.x) & (columns < obstacle.x + obstacle.width)
    )
    covered = mask[np.ix_(rows[inside_rows], columns[inside_columns])] > 0
    if covered.any():
        y, x = np.nonzero(covered)
        return inside_rows[y], inside_columns[x]
    row = int((obstacle.y + obstacle.height / 2) * size[0] / height)
    column = int((obstacle.x + obstacle.width / 2) * size[1] / width)
    return (
        np.array([min(row, size[0] - 1)], np.intp),
        np.array([min(column, size[1] - 1)], np.intp),
    )
