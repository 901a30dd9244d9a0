# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a score map to obstacles: connected anomalous regions where the vehicle could drive."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

# Bays of the road up to this share of the image's width count as road. Somebody 1 m wide at the
# kerb, 10 m before a camera that sees 90 degrees, covers 1/20 of it.
_BAY_WIDTH = 1 / 20
# Holes are looked for in a class map reduced to at most this width: the teacher's own grid is no
# finer, and distances over a large image would cost more than the frame's period allows.
_REGION_WIDTH = 512
# Pixels by which an outline may be off: a line of single steps takes ten times as long to draw and
# to send, and is no clearer. An obstacle less than _SMALL wide or high keeps its shape better.
_TOLERANCE, _SMALL_TOLERANCE, _SMALL = 1.0, 0.5, 32


@dataclass(frozen=True)
class Obstacle:
    """An upright box around one connected region; pixels of the score map."""

    x: int
    y: int
    width: int
    height: int
    area: int
    """Anomalous pixels, at most width * height."""
    peak_score: float
    """Highest score in the region, in alarm lines: 1.0 or more."""


def drivable_region(class_id: np.ndarray, drivable_class_ids: Iterable[int]) -> np.ndarray:
    """Return where the vehicle could drive if no obstacle stood there, bool [H, W].

    `class_id` is uint8 [H, W]. An obstacle is seldom predicted as road: it is a hole in the road,
    and the region is the drivable classes' area with three kinds of hole filled.

    - A hole enclosed by road.
    - A hole open to the bottom edge of the image alone: an obstacle right before the vehicle.
    - A bay at the rim, up to 1/20 of the image's width across: an obstacle at the kerb, which is
      open to the pavement beyond. In proportion to the width, because so is an obstacle's size.
      A wider bay cannot be told from the road's own bends, and is left out.

    Where no pixel is drivable, nothing is: the region is empty, not the whole image. An empty
    region says that no road was recognised, never that the road is clear; the caller reports it.
    """
    if class_id.dtype != np.uint8 or class_id.ndim != 2:
        raise ValueError(
            f"class_id is {class_id.dtype} {list(class_id.shape)}; uint8 [H, W] is right"
        )
    is_drivable = np.zeros(256, np.uint8)
    is_drivable[list(drivable_class_ids)] = 1
    road = cv2.LUT(class_id, is_drivable)
    if not road.any():
        return np.zeros(class_id.shape, bool)
    height, width = road.shape
    scale = math.ceil(width / _REGION_WIDTH)
    small = cv2.resize(
        road,
        (math.ceil(width / scale), math.ceil(height / scale)),
        interpolation=cv2.INTER_NEAREST_EXACT,
    )
    filled = _holes_filled(_closed(small, radius=round(small.shape[1] * _BAY_WIDTH / 2)))
    region = cv2.resize(filled, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    # What is road at full size stays so to the pixel.
    return np.logical_or(region, road)


def _closed(road: np.ndarray, radius: int) -> np.ndarray:
    """Close a mask with a disc, by distances: the cost does not grow with the radius."""
    to_road = cv2.distanceTransform(1 - road, cv2.DIST_L2, cv2.DIST_MASK_5)
    grown = (to_road <= radius).astype(np.uint8)
    if grown.all():  # no place is outside, so there is no distance to one
        return grown
    to_outside = cv2.distanceTransform(grown, cv2.DIST_L2, cv2.DIST_MASK_5)
    return ((to_outside > radius) | (road > 0)).astype(np.uint8)


def _holes_filled(road: np.ndarray) -> np.ndarray:
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(1 - road, connectivity=4)
    is_road = (
        (boxes[:, cv2.CC_STAT_LEFT] > 0)
        & (boxes[:, cv2.CC_STAT_TOP] > 0)
        & (boxes[:, cv2.CC_STAT_LEFT] + boxes[:, cv2.CC_STAT_WIDTH] < road.shape[1])
    )
    is_road[0] = True  # label 0 is what is not outside: the road itself
    return np.take(is_road.astype(np.uint8), np.asarray(labels))


def find_obstacles(
    score: np.ndarray, *, region: np.ndarray | None, minimum_area: int
) -> tuple[np.ndarray, tuple[Obstacle, ...]]:
    """Return the obstacles of a score map, highest peak first, and their mask.

    `score` is float32 [H, W], finite, 1.0 the alarm line, which itself is an alarm; `region` is
    bool [H, W], or None for everywhere. Anomalous pixels that touch, by a side or a corner, are one
    obstacle; one of fewer than `minimum_area` pixels is dropped. The mask is uint8 [H, W], 255 on
    kept obstacles and 0 elsewhere. Raises ValueError, also for NaN: it is a fault, never clear.
    """
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"score is {score.dtype} {list(score.shape)}; float32 [H, W] is right")
    if not np.isfinite(score).all():
        raise ValueError("score holds NaN or infinity; there are no obstacles to be had from it")
    if minimum_area < 0:
        raise ValueError(f"minimum_area is {minimum_area} pixels; 0 or more is right")
    alarm = score >= 1.0
    if region is not None:
        if region.dtype != bool or region.shape != score.shape:
            raise ValueError(
                f"region is {region.dtype} {list(region.shape)}; bool {list(score.shape)} is right"
            )
        alarm &= region
    if not alarm.any():  # most frames: nothing to label
        return np.zeros(score.shape, np.uint8), ()
    # Labelling costs by the pixel, and alarms are seldom all over the picture.
    left, top, across, down = cv2.boundingRect(alarm.view(np.uint8))
    window = np.s_[top : top + down, left : left + across]
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(
        alarm[window].view(np.uint8), connectivity=8
    )
    is_kept = boxes[:, cv2.CC_STAT_AREA] >= minimum_area
    is_kept[0] = False  # label 0 is everything else
    obstacles = []
    for label in np.flatnonzero(is_kept).tolist():
        x, y, width, height, area = boxes[label].tolist()
        box = np.s_[y : y + height, x : x + width]
        peak = float(score[window][box][labels[box] == label].max())
        obstacles.append(Obstacle(left + x, top + y, width, height, area, peak))
    obstacles.sort(key=lambda obstacle: obstacle.peak_score, reverse=True)
    mask = np.zeros(score.shape, np.uint8)
    mask[window] = np.take(np.where(is_kept, 255, 0).astype(np.uint8), np.asarray(labels))
    return mask, tuple(obstacles)


def contours(mask: np.ndarray, obstacles: Sequence[Obstacle]) -> tuple[np.ndarray, ...]:
    """Return the rim of each obstacle's region, int32 [N, 2] of (x, y), exactly.

    Pixels on a straight or diagonal line between two others are left out. `mask` is uint8 [H, W]
    and `obstacles` are what `find_obstacles` returned with it. Holes have no rim. Of obstacles with
    exactly the same box, which rim is whose is not defined. Raises ValueError where the mask does
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
        found.append(same_box.pop()[:, 0])
    return tuple(found)


def outlines(mask: np.ndarray, obstacles: Sequence[Obstacle]) -> tuple[np.ndarray, ...]:
    """Return one closed line an obstacle, int32 [N, 2] of (x, y) in pixels.

    It runs along the outermost pixels, one pixel off at most. Arguments and errors are those of
    `contours`.
    """
    found = []
    for obstacle, rim in zip(obstacles, contours(mask, obstacles), strict=True):
        small = min(obstacle.width, obstacle.height) < _SMALL
        tolerance = _SMALL_TOLERANCE if small else _TOLERANCE
        found.append(cv2.approxPolyDP(rim, tolerance, True)[:, 0])
    return tuple(found)
