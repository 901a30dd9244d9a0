# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a detection has obstacles, and when that is unknown: decided once, for everybody.

The node, snapshots, evaluation and calibration all ask here. A guarantee on the rate of false
alarms holds because the frames that a calibration counts are the frames that alarm in the node.
How an obstacle is outlined changes neither that a frame alarms nor how many obstacles it has.

Unknown is never clear: where no road was recognised, or all of it is under the static mask, there
is no mask at all, because an empty one would say that the road is clear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import Bundle
from cosme_ros.inference.detector import Detection
from cosme_ros.parameters import OUTLINES, REGIONS, SMALLEST_AREA
from cosme_ros.postprocessing.mask_refinement import refine_obstacles
from cosme_ros.postprocessing.obstacles import Obstacle, drivable_region, find_obstacles
from cosme_ros.postprocessing.static_mask import StaticMask


@dataclass(frozen=True)
class ObstacleRule:
    """What makes anomalous pixels an obstacle. Raises ValueError for values that cannot be."""

    drivable_class_ids: tuple[int, ...] | None
    """Limits obstacles to the drivable area; None looks everywhere."""
    minimum_area: int
    """Of an obstacle, pixels of the image at or above the alarm line. 0: as large as SMALLEST_AREA
    in an image of `input_size`."""
    outline: str = "score"
    """One of OUTLINES: 'score' ends an obstacle at the alarm line, 'image' as `mask_refinement`
    describes."""
    static_mask: StaticMask | None = None
    """Outside of what it looks at, there are no obstacles; None looks at the whole image."""
    input_size: tuple[int, int] | None = None
    """(height, width) of the bundle's images; None only where `minimum_area` is not 0."""

    def __post_init__(self) -> None:
        if self.minimum_area == 0 and self.input_size is None:
            raise ValueError("a minimum_area of 0 needs the input_size of the bundle")
        if self.outline not in OUTLINES:
            raise ValueError(f"outline is {self.outline!r}; one of {', '.join(OUTLINES)} is right")

    def minimum_area_of(self, height: int, width: int) -> int:
        """Return `minimum_area` for images of a size, pixels: 1 or more."""
        if self.minimum_area or self.input_size is None:
            return self.minimum_area
        own_height, own_width = self.input_size
        return max(1, round(SMALLEST_AREA * height * width / (own_height * own_width)))


def obstacle_rule(
    bundle: Bundle,
    *,
    region: str,
    minimum_area: int,
    outline: str = "score",
    static_mask: StaticMask | None = None,
) -> ObstacleRule:
    """Return the rule that these values of the node's parameters make for a bundle.

    Args:
        bundle: says which classes are drivable, and which size its images have.
        region: one of REGIONS.
        minimum_area: as in ObstacleRule.
        outline: as in ObstacleRule.
        static_mask: as in ObstacleRule.

    Raises:
        ValueError: a value that cannot be, or a drivable area in a bundle without drivable class.
    """
    if region not in REGIONS:
        raise ValueError(f"region is {region!r}; one of {', '.join(REGIONS)} is right")
    if region == "drivable" and not bundle.drivable_class_ids:
        raise ValueError(
            f"'region' is 'drivable', but bundle {bundle.name} has no drivable class; "
            "'everything' is right for it"
        )
    ids = bundle.drivable_class_ids if region == "drivable" else None
    return ObstacleRule(ids, minimum_area, outline, static_mask, bundle.input_size)


@dataclass(frozen=True)
class SearchArea:
    """Where obstacles of one frame are looked for, and how large the smallest one is."""

    region: NDArray[np.bool_] | None
    """bool [H, W]; None for everywhere."""
    minimum_area: int
    """Of an obstacle, pixels of this frame's image: 1 or more."""


def drivable_area(detection: Detection, drivable_class_ids: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the drivable region of a frame, bool [H, W], as its image lies.

    Which holes are part of the road depends on where its bottom is: an image that is not upright is
    turned for that.
    """
    upright = detection.orientation.upright(detection.class_id)
    return detection.orientation.as_camera(drivable_region(upright, drivable_class_ids))


def search_area(detection: Detection, rule: ObstacleRule) -> SearchArea | None:
    """Return where obstacles are looked for.

    Returns:
        None where it is unknown: no road was recognised, or the static mask leaves nothing of it.
    """
    looked_at: NDArray[np.bool_] | None = None
    if rule.static_mask is not None:
        height, width = detection.size
        rule.static_mask.compare(height, width, "frames are")
        looked_at = rule.static_mask.at(height, width)
    if rule.drivable_class_ids is None:
        region = looked_at
    else:
        region = drivable_area(detection, rule.drivable_class_ids)
        if looked_at is not None:
            region &= looked_at
    if region is not None and not region.any():
        return None
    return SearchArea(region, rule.minimum_area_of(*detection.size))


@dataclass(frozen=True)
class ObstacleDecision:
    """The obstacles of one frame of H x W pixels."""

    mask: NDArray[np.uint8] | None
    """uint8 [H, W], 255 on obstacles, else 0; None where it is unknown."""
    obstacles: tuple[Obstacle, ...]
    """Highest peak first; empty where it is unknown."""


UNKNOWN = ObstacleDecision(None, ())


def decide_obstacles(
    detection: Detection, image: NDArray[np.uint8], rule: ObstacleRule
) -> ObstacleDecision:
    """Return the obstacles of a frame; UNKNOWN where `search_area` is.

    Args:
        detection: of the frame.
        image: the frame itself, uint8 [H, W, 3] BGR.
        rule: what makes an obstacle.
    """
    area = search_area(detection, rule)
    if area is None:
        return UNKNOWN
    mask, obstacles = find_obstacles(
        detection.score, region=area.region, minimum_area=area.minimum_area
    )
    if rule.outline == "image" and obstacles:
        mask, obstacles = refine_obstacles(
            mask, detection.score, detection.score_grid, image, region=area.region
        )
    return ObstacleDecision(mask, obstacles)
