# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The outline of obstacles: the guided filter against slow loops, and what a refined mask keeps."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from cosme_ros.postprocessing.mask_refinement import (
    enlarged_window,
    guided_coefficients,
    refine_obstacles,
)
from cosme_ros.postprocessing.obstacles import find_obstacles

H, W = 120, 160
GRID = (30, 40)


def enlarged(grid: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(grid, (W, H), interpolation=cv2.INTER_LINEAR))


def random_frame(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth scores with some peaks, float32 [30, 40], and a noisy picture, uint8 [120, 160, 3]."""
    random = np.random.default_rng(seed)
    grid = cv2.GaussianBlur(random.gamma(0.3, 1.0, GRID).astype(np.float32), (0, 0), 1.5)
    grid *= np.float32(2.0) / grid.max()
    image = cv2.GaussianBlur(random.integers(0, 256, (H, W, 3)).astype(np.uint8), (0, 0), 3)
    return grid, image


def box_means(values: np.ndarray, radius: int) -> np.ndarray:
    """Means over windows in float64, by loops; the map's edge is mirrored, the outermost once."""
    padded = np.pad(values.astype(np.float64), radius, mode="reflect")
    height, width = values.shape
    side = 2 * radius + 1
    return np.array(
        [[padded[y : y + side, x : x + side].mean() for x in range(width)] for y in range(height)]
    )


def test_the_guided_filter_is_that_of_the_paper() -> None:
    random = np.random.default_rng(0)
    score = random.random((12, 17)).astype(np.float32) * 4
    guide = random.random((12, 17)).astype(np.float32)
    slope, offset = guided_coefficients(score, guide, radius=2, penalty=0.01)
    # Eq. 5 and 6 of He et al.: a ridge regression in each window, here by a solver.
    height, width = score.shape
    padded_p, padded_i = (np.pad(v.astype(np.float64), 2, mode="reflect") for v in (score, guide))
    a, b = np.zeros(score.shape), np.zeros(score.shape)
    for y in range(height):
        for x in range(width):
            p = padded_p[y : y + 5, x : x + 5].ravel()
            i = padded_i[y : y + 5, x : x + 5].ravel()
            # Minimise sum (a i + b - p)^2 + n penalty a^2.
            rows = np.vstack([np.c_[i, np.ones_like(i)], [np.sqrt(p.size * 0.01), 0.0]])
            (a[y, x], b[y, x]), *_ = np.linalg.lstsq(rows, np.append(p, 0.0), rcond=None)
    # Variances are differences of float32 means: 1e-4 of scores up to 4.
    assert np.allclose(slope, box_means(a, 2), atol=4e-4)
    assert np.allclose(offset, box_means(b, 2), atol=4e-4)


def test_where_the_image_is_flat_the_guided_filter_only_averages() -> None:
    score = np.random.default_rng(1).random((9, 9)).astype(np.float32)
    slope, offset = guided_coefficients(
        score, np.full((9, 9), 0.5, np.float32), radius=1, penalty=1e-3
    )
    assert np.allclose(slope, 0, atol=1e-3)
    assert np.allclose(slope * 0.5 + offset, box_means(box_means(score, 1), 1), atol=1e-5)


@pytest.mark.parametrize("window", [np.s_[0:120, 0:160], np.s_[13:70, 91:160], np.s_[119:120, 0:1]])
def test_a_window_is_enlarged_as_the_whole_is(window: tuple[slice, slice]) -> None:
    grid = np.random.default_rng(2).random((30, 40, 2)).astype(np.float32)
    whole = cv2.resize(grid, (W, H), interpolation=cv2.INTER_LINEAR)
    # warpAffine may round places to 1/32 of a cell, in each direction.
    assert np.allclose(enlarged_window(grid, (H, W), window), whole[window], atol=2 / 32)


@pytest.mark.parametrize("seed", range(12))
def test_no_obstacle_is_lost_joined_or_added(seed: int) -> None:
    grid, image = random_frame(seed)
    score = enlarged(grid)
    mask, obstacles = find_obstacles(score, region=None, minimum_area=10)
    assert len(obstacles) > 1
    refined, outlined = refine_obstacles(mask, score, grid, image, region=None)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(refined, connectivity=8)
    assert count - 1 == len(outlined) == len(obstacles)
    assert sorted(tuple(box) for box in boxes[1:].tolist()) == sorted(
        (o.x, o.y, o.width, o.height, o.area) for o in outlined
    )
    assert [o.peak_score for o in outlined] == [o.peak_score for o in obstacles]
    assert all(a.peak_score >= b.peak_score for a, b in pairwise(outlined))
    # Each lies on an obstacle of its own that was there before.
    _, before = cv2.connectedComponents(mask, connectivity=8)
    owners = [set(np.unique(before[labels == label])) - {0} for label in range(1, count)]
    assert all(len(owner) == 1 for owner in owners)
    assert len(set.union(*owners)) == len(obstacles)
    assert set(np.unique(refined)) <= {0, 255}


def test_nothing_grows_out_of_the_region() -> None:
    grid, image = random_frame(3)
    score = enlarged(grid)
    region = np.zeros((H, W), bool)
    region[40:100, 30:120] = True
    mask, _ = find_obstacles(score, region=region, minimum_area=1)
    refined, outlined = refine_obstacles(mask, score, grid, image, region=region)
    assert outlined
    assert not refined[~region].any()


def thing_on_a_road(peak: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright square of 32 pixels on a dark road; its score is smeared as by coarse features."""
    truth = np.zeros((H, W), bool)
    truth[48:80, 60:92] = True
    image = np.where(truth[..., None], 200, 60).astype(np.uint8).repeat(3, axis=2)
    small = cv2.resize(truth.astype(np.float32), (W // 4, H // 4), interpolation=cv2.INTER_AREA)
    grid = cv2.GaussianBlur(small, (0, 0), 3.0)
    return image, grid * np.float32(peak / grid.max()), truth


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(((mask > 0) & truth).sum() / ((mask > 0) | truth).sum())


@pytest.mark.parametrize("peak", [1.1, 6.0])
def test_a_weak_obstacle_is_outlined_whole_and_a_strong_one_without_its_halo(peak: float) -> None:
    image, grid, truth = thing_on_a_road(peak)
    score = enlarged(grid)
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    refined, outlined = refine_obstacles(mask, score, grid, image, region=None)
    assert len(obstacles) == len(outlined) == 1
    assert iou(mask, truth) < 0.6
    assert iou(refined, truth) > 0.8


def test_an_unusual_background_is_not_flooded() -> None:
    image, grid, truth = thing_on_a_road(1.5)
    grid += np.float32(0.8) * (1 - grid / grid.max())  # more than 0.4 of the peak, everywhere
    score = enlarged(grid)
    mask, _ = find_obstacles(score, region=None, minimum_area=1)
    refined, _ = refine_obstacles(mask, score, grid, image, region=None)
    assert iou(refined, truth) > 0.7


def test_two_that_grow_towards_each_other_stay_two() -> None:
    grid = np.full(GRID, 0.2, np.float32)
    grid[9:15, 9:25] = 0.9
    grid[10:14, 10:14] = grid[10:14, 20:24] = 1.5
    score = enlarged(grid)
    image = np.full((H, W, 3), 90, np.uint8)
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    refined, outlined = refine_obstacles(mask, score, grid, image, region=None)
    assert len(obstacles) == len(outlined) == 2
    assert cv2.connectedComponents(refined, connectivity=8)[0] == 3
    assert np.count_nonzero(refined) > 1.5 * np.count_nonzero(mask)


def test_a_score_that_the_guide_explains_away_keeps_its_outline() -> None:
    grid = np.zeros(GRID, np.float32)
    grid[10, 10] = 40.0
    score = enlarged(grid)
    image = np.random.default_rng(4).integers(0, 256, (H, W, 3)).astype(np.uint8)
    mask, _ = find_obstacles(score, region=None, minimum_area=1)
    refined, (obstacle,) = refine_obstacles(mask, score, grid, image, region=None)
    assert refined.any()
    assert obstacle.peak_score == score.max()


def test_no_obstacle_is_no_outline() -> None:
    nothing = np.zeros((H, W), np.uint8)
    refined, obstacles = refine_obstacles(
        nothing,
        np.zeros((H, W), np.float32),
        np.zeros(GRID, np.float32),
        np.zeros((H, W, 3), np.uint8),
        region=None,
    )
    assert obstacles == ()
    assert not refined.any()
    assert refined is not nothing


def test_what_does_not_fit_together_is_refused() -> None:
    grid, image = random_frame(0)
    score = enlarged(grid)
    mask = (score >= 1).astype(np.uint8) * 255
    with pytest.raises(ValueError, match=r"image \[119, 160\] differ in size"):
        refine_obstacles(mask, score, grid, image[1:], region=None)
    with pytest.raises(ValueError, match=r"share is 1\.0; above 0 and below 1"):
        refine_obstacles(mask, score, grid, image, region=None, share=1.0)
