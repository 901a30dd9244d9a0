# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a detection has obstacles: one decision for the node, snapshots and evaluation alike.

A calibration counts the frames that alarm with the same region and minimum area
(`frame_alarm_threshold`).
How an obstacle is outlined changes neither that a frame alarms nor how many obstacles it has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.detector import Detection
from cosme_ros.parameters import OUTLINES
from cosme_ros.postprocessing.mask_refinement import refine_obstacles
from cosme_ros.postprocessing.obstacles import Obstacle, drivable_region, find_obstacles


@dataclass(frozen=True)
class ObstacleDecision:
    """The obstacles of one frame of H x W pixels."""

    mask: NDArray[np.uint8] | None
    """uint8 [H, W], 255 on obstacles, else 0; None where it is withheld."""
    obstacles: tuple[Obstacle, ...]
    """Highest peak first; empty where the mask is withheld."""


WITHHELD = ObstacleDecision(None, ())
"""No road was recognised: an empty mask would say that it is clear."""


def decide_obstacles(
    detection: Detection,
    image: NDArray[np.uint8],
    *,
    drivable_class_ids: Collection[int] | None,
    minimum_area: int,
    outline: str = "score",
) -> ObstacleDecision:
    """Return the obstacles of a frame.

    Args:
        detection: of the frame.
        image: the frame itself, uint8 [H, W, 3] BGR.
        drivable_class_ids: limits obstacles to the drivable area; None looks everywhere.
        minimum_area: of an obstacle, pixels of the image at or above the alarm line.
        outline: one of OUTLINES: 'score' ends an obstacle at the alarm line, 'image' as
            `mask_refinement` describes.

    Raises:
        ValueError: no such outline.
    """
    if outline not in OUTLINES:
        raise ValueError(f"outline is {outline!r}; one of {', '.join(OUTLINES)} is right")
    region = None
    if drivable_class_ids is not None:
        region = drivable_region(detection.class_id, drivable_class_ids)
        if not region.any():
            return WITHHELD
    mask, obstacles = find_obstacles(detection.score, region=region, minimum_area=minimum_area)
    if outline == "image" and obstacles:
        mask, obstacles = refine_obstacles(
            mask, detection.score, detection.score_grid, image, region=region
        )
    return ObstacleDecision(mask, obstacles)
