# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The outline of an obstacle, with the camera image as guide.

A score map is smooth: its true resolution is that of the teacher's coarse layers, and it is
enlarged to the camera's size. A single line through it cuts a weak obstacle down to its core, and
surrounds a strong one with a halo. Here each obstacle that `obstacles.find_obstacles` has found
gets an outline of its own, in three steps:

1. The score around the obstacle is enlarged again, by a fast guided filter (He, Sun, Tang, "Guided
   Image Filtering", TPAMI 2013; He, Sun, "Fast Guided Filter", 2015): within a small window the
   score is a linear function of the image's brightness, so that edges of the image become edges of
   the score.
2. The obstacle grows, as far as it is connected, to a line between its background, which is what
   the score is around it, and its own highest score.
3. Its halo goes: pixels below the line between background and the highest score near them.

**The number of alarms does not depend on it.** Whether there is an obstacle in a frame, and how
many there are, is decided before, on the score itself: a refined obstacle is never empty, never
merged with another one, and no new one appears. So a calibration's guarantee holds for both.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.postprocessing.obstacles import Obstacle

OUTLINE_SHARE = 0.4
"""Where between its background and its highest score an obstacle's outline is drawn."""

GUIDE_RADIUS = 4
"""Of the guided filter's window, in cells of the score's grid."""

GUIDE_PENALTY = 1e-3
"""Of the guided filter (epsilon): variance of brightness, of 0..1, below which there is no edge."""

HALO_RADIUS = 8
"""Cells of the score's grid: how far the halo of a high score reaches."""

BACKGROUND_QUANTILE: float | None = 0.75
"""Of the score around an obstacle: its background. On a camera that the bundle hardly knows all is
a little unusual, and a share of the highest score alone would flood the picture. None: 0."""

_GROWTH = 0.5
"""An obstacle grows on each side by no more than this share of its longer side, and a halo."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.uint8)


def refine_obstacles(
    mask: NDArray[np.uint8],
    score: NDArray[np.float32],
    grid: NDArray[np.float32],
    image: NDArray[np.uint8],
    *,
    region: NDArray[np.bool_] | None,
    share: float = OUTLINE_SHARE,
) -> tuple[NDArray[np.uint8], tuple[Obstacle, ...]]:
    """Return the mask with every obstacle outlined anew, and the obstacles, highest peak first.

    Args:
        mask: uint8 [H, W], 255 on obstacles, as `find_obstacles` returns it.
        score: float32 [H, W], 1.0 is the alarm line: what the mask was made from.
        grid: float32 [h, w], the same score before it was enlarged.
        image: uint8 [H, W, 3] BGR, the frame itself.
        region: bool [H, W] outside of which no obstacle reaches, or None for everywhere.
        share: of the way from its background to its highest score, above 0 and below 1: where an
            obstacle's outline is drawn.

    Returns:
        As `find_obstacles`, as many obstacles as before. Areas may be smaller than the minimum area
        that the obstacles were found by, boxes are of the outlines, peak scores are as before.

    Raises:
        ValueError: sizes do not fit each other, or `share` is out of its range.
    """
    if not (mask.shape == score.shape == image.shape[:2]):
        raise ValueError(
            f"mask {list(mask.shape)}, score {list(score.shape)} and image {list(image.shape[:2])} "
            "differ in size; they are of one frame"
        )
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is {share}; above 0 and below 1 is right")
    if not mask.any():
        return np.zeros_like(mask), ()
    guided = _GuidedScore(grid, image)
    cell = mask.shape[1] / grid.shape[1]
    halo = round(HALO_RADIUS * cell)
    refined = np.zeros_like(mask)
    obstacles = []
    left, top, across, down = cv2.boundingRect(mask)
    labels = np.zeros(mask.shape, np.int32)
    rectangle = np.s_[top : top + down, left : left + across]
    _, labels[rectangle], boxes, _ = cv2.connectedComponentsWithStats(
        mask[rectangle], connectivity=8, ltype=cv2.CV_32S
    )
    found = []
    for label, (x, y, width, height, _) in enumerate(boxes.tolist()[1:], start=1):
        box = np.s_[top + y : top + y + height, left + x : left + x + width]
        found.append((float(score[box][labels[box] == label].max()), label, box))
    # What is more certain takes its pixels first.
    found.sort(key=lambda entry: -entry[0])
    for peak, label, box in found:
        window = _grown(box, halo, mask.shape)
        core = labels[window] == label
        # Nobody grows up to another obstacle: one pixel between them stays free.
        others = ((mask[window] > 0) & ~core) | (refined[window] > 0)
        free = cv2.dilate(others.view(np.uint8), _EIGHT_NEIGHBOURS) == 0
        free &= _seen_on_all_sides(window, mask.shape)
        if region is not None:
            free &= region[window]
        outline = _outline(guided.window(window), core, free, share=share, cell=cell)
        refined[window][outline] = 255
        x, y, width, height = cv2.boundingRect(outline.view(np.uint8))
        obstacles.append(
            Obstacle(
                window[1].start + x,
                window[0].start + y,
                width,
                height,
                int(np.count_nonzero(outline)),
                peak,
            )
        )
    return refined, tuple(obstacles)


def _outline(
    score: NDArray[np.float32],
    core: NDArray[np.bool_],
    free: NDArray[np.bool_],
    *,
    share: float,
    cell: float,
) -> NDArray[np.bool_]:
    """Return the obstacle around `core`, bool [h, w]; the highest place of `core` is part of it."""
    inside = np.where(core, score, np.float32(0))
    peak = float(inside.max())
    if peak <= 0:  # the guide has explained all of it away: then the score alone has to do
        return core
    # One place a cell is enough.
    step = max(1, round(cell))
    around = score[::step, ::step][~core[::step, ::step]]
    background = 0.0
    if BACKGROUND_QUANTILE is not None and around.size:
        background = float(np.quantile(around, BACKGROUND_QUANTILE))
    near = _highest_nearby(inside, cell)
    line = share * peak + (1 - share) * min(background, peak)
    lines_inside = share * near + (1 - share) * np.minimum(np.float32(background), near)
    grown = free & ~core & (score >= line)
    outline, parts = _connected(grown | (core & (score >= lines_inside)), core)
    if parts > 1:  # the halo holds it together
        outline, _ = _connected(grown | core, core)
    return outline


def _highest_nearby(score: NDArray[np.float32], cell: float) -> NDArray[np.float32]:
    """Return the highest score within HALO_RADIUS cells, float32 [h, w].

    One place a cell is looked at: a score is smooth within it, and a window's maximum over all
    pixels would cost more than everything else.
    """
    height, width = score.shape
    size = (max(1, round(width / cell)), max(1, round(height / cell)))
    coarse = cv2.resize(score, size, interpolation=cv2.INTER_NEAREST_EXACT)
    side = 2 * HALO_RADIUS + 1
    highest = cv2.dilate(
        coarse, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    enlarged = cv2.resize(highest, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(enlarged, np.float32)


def _connected(above: NDArray[np.bool_], core: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """Return the components of `above` that touch `core`, bool [h, w], and how many they are."""
    _, parts = cv2.connectedComponents(above.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    is_kept = np.zeros(int(parts.max()) + 1, bool)
    is_kept[parts[core & above]] = True
    return np.asarray(is_kept[parts]), int(is_kept.sum())


class _GuidedScore:
    """A score of camera size by the fast guided filter, computed where it is asked for."""

    def __init__(self, grid: NDArray[np.float32], image: NDArray[np.uint8]) -> None:
        self._image = image
        height, width = grid.shape
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        guide = _brightness(np.asarray(small, np.uint8))
        slope, offset = guided_coefficients(grid, guide, radius=GUIDE_RADIUS, penalty=GUIDE_PENALTY)
        self._coefficients = np.dstack([slope, offset])

    def window(self, window: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return the score there, float32 [h, w], 0 or more, in alarm lines."""
        enlarged = enlarged_window(self._coefficients, self._image.shape[:2], window)
        score = enlarged[..., 0] * _brightness(self._image[window]) + enlarged[..., 1]
        return np.asarray(np.maximum(score, 0), np.float32)


def _brightness(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the image's brightness, float32 [h, w], 0..1."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) / np.float32(255), np.float32)


def guided_coefficients(
    score: NDArray[np.float32], guide: NDArray[np.float32], *, radius: int, penalty: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return slope and offset of the guided filter, float32 [h, w] each (He et al., Eq. 5 to 8).

    Args:
        score: float32 [h, w], what is filtered (p).
        guide: float32 [h, w], the image's brightness, 0..1 (I).
        radius: of the square window, in places (r).
        penalty: of steep slopes (epsilon).

    Returns:
        Means over all windows that hold a place: the filtered score is slope * guide + offset.
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        side = 2 * radius + 1
        blurred = cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(blurred, np.float32)

    guide_mean, score_mean = mean(guide), mean(score)
    covariance = mean(guide * score) - guide_mean * score_mean
    variance = mean(guide * guide) - guide_mean * guide_mean
    slope = np.asarray(covariance / (np.maximum(variance, 0) + np.float32(penalty)), np.float32)
    return mean(slope), mean(score_mean - slope * guide_mean)


def enlarged_window(
    grid: NDArray[np.float32], size: tuple[int, int], window: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Return a window of `grid` [h, w, n] enlarged to `size` (H, W), float32 [rows, columns, n].

    Bilinear with half-pixel centres, and the outermost values repeated, as `cv2.resize` does it.
    """
    rows, columns = window
    vertical, horizontal = grid.shape[0] / size[0], grid.shape[1] / size[1]
    transform = np.array(
        [
            [horizontal, 0, (columns.start + 0.5) * horizontal - 0.5],
            [0, vertical, (rows.start + 0.5) * vertical - 0.5],
        ]
    )
    enlarged = cv2.warpAffine(
        grid,
        transform,
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(enlarged, np.float32)


def _seen_on_all_sides(window: tuple[slice, slice], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where all neighbours are in the window or outside of the image, bool [h, w]."""
    inside = [np.ones(side.stop - side.start, bool) for side in window]
    for seen, side, limit in zip(inside, window, size, strict=True):
        seen[0] = side.start == 0
        seen[-1] = side.stop == limit
    return np.logical_and.outer(*inside)


def _grown(box: tuple[slice, slice], halo: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the box with what an obstacle may grow into, cut at the image's edge.

    Its rim is only looked at, so it is a pixel wider.
    """
    longer = max(side.stop - side.start for side in box)
    margin = halo + round(_GROWTH * longer) + 1
    rows, columns = (
        slice(max(side.start - margin, 0), min(side.stop + margin, limit))
        for side, limit in zip(box, size, strict=True)
    )
    return rows, columns
