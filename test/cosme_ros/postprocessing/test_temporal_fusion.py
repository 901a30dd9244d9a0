# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores carried along by optical flow: the arithmetic by slow loops, and when the history ends."""

import math

import cv2
import numpy as np
import pytest

from cosme_ros.postprocessing import temporal_fusion
from cosme_ros.postprocessing.temporal_fusion import (
    FALL_WEIGHT,
    RISE_WEIGHT,
    TemporalFusion,
    agreement_of,
    blended,
    carried,
    moved,
)

H, W = 90, 160
GRID = (24, 40)
STEP = 10**8  # nanoseconds


def street(shift: int = 0, seed: int = 0) -> np.ndarray:
    """A picture with texture, moved to the right by some pixels, uint8 [90, 160, 3] BGR."""
    random = np.random.default_rng(seed)
    wide = random.integers(0, 256, (H, W + 64, 3)).astype(np.uint8)
    wide = cv2.GaussianBlur(wide, (0, 0), 2.5)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    return np.ascontiguousarray(wide[:, 32 - shift : 32 - shift + W])


def spot(column: int, height: float = 4.0) -> np.ndarray:
    """A score with one spot, float32 [24, 40]."""
    grid = np.full(GRID, 0.1, np.float32)
    grid[10:13, column : column + 3] = height
    return grid


def test_values_are_taken_from_where_the_flow_points() -> None:
    random = np.random.default_rng(1)
    values = random.random((7, 9)).astype(np.float32)
    flow = random.uniform(-3, 3, (7, 9, 2)).astype(np.float32)
    result = moved(values, flow)
    for y in range(7):
        for x in range(9):
            u = min(max(x + float(flow[y, x, 0]), 0), 8)
            v = min(max(y + float(flow[y, x, 1]), 0), 6)
            left, top = min(int(u), 7), min(int(v), 5)
            a, b = u - left, v - top
            expected = (
                values[top, left] * (1 - a) * (1 - b)
                + values[top, left + 1] * a * (1 - b)
                + values[top + 1, left] * (1 - a) * b
                + values[top + 1, left + 1] * a * b
            )
            # remap may round places to 1/32 of a pixel, in each direction.
            assert abs(result[y, x] - expected) < 2 / 32


def test_flow_of_another_size_is_brought_to_the_grid() -> None:
    flow = np.zeros((*[2 * side for side in GRID], 2), np.float32)
    flow[..., 0] = -4.0  # of 80 pixels across: 2 cells of 40
    assert np.allclose(carried(spot(10), flow)[:, 4:], spot(12)[:, 4:], atol=0.15)


def test_agreement_falls_with_the_difference_and_is_nothing_outside() -> None:
    now = np.full((20, 30), 100, np.uint8)
    still = np.zeros((20, 30, 2), np.float32)
    for difference in (0.0, 6.0, 12.0, 60.0):
        agreement = agreement_of(now, np.full((20, 30), 100 + difference, np.float32), still)
        assert np.allclose(agreement, math.exp(-((difference / 12) ** 2)), atol=1e-5)
    still[:, :5, 0] = -6.0
    agreement = agreement_of(now, np.full((20, 30), 100, np.float32), still)
    assert not agreement[:, :5].any()
    assert np.allclose(agreement[:, 6:], 1)


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.3])
def test_rise_and_fall_have_weights_of_their_own(seconds: float) -> None:
    random = np.random.default_rng(2)
    score, history, agreement = random.random((3, 6, 8)).astype(np.float32)
    result = blended(score, history, agreement, seconds=seconds)
    for y in range(6):
        for x in range(8):
            rate = FALL_WEIGHT if history[y, x] > score[y, x] else RISE_WEIGHT
            weight = float(agreement[y, x]) * rate ** (seconds / 0.1)
            expected = (1 - weight) * float(score[y, x]) + weight * float(history[y, x])
            assert abs(result[y, x] - expected) < 1e-6


def test_what_was_seen_moves_with_the_picture() -> None:
    fusion = TemporalFusion()
    for number in range(4):
        # Eight pixels a frame are two cells.
        fusion.fuse(street(8 * number), number * STEP, spot(8 + 2 * number))
    # The detector misses it once.
    fused = fusion.fuse(street(32), 4 * STEP, np.full(GRID, 0.1, np.float32))
    there = fused[10:13, 16:19].mean()
    assert there > 0.5 * FALL_WEIGHT * 4.0
    assert fused[10:13, 8:11].mean() < 0.3 * there, "not where it was before"
    assert fused.dtype == np.float32
    assert (fused >= 0).all()


def test_the_first_frame_stands_for_itself() -> None:
    score = spot(4)
    assert np.array_equal(TemporalFusion().fuse(street(), 5, score), score)


@pytest.mark.parametrize(
    ("image", "stamp", "shape"),
    [
        (street(), STEP, GRID),  # the same stamp
        (street(), STEP - 1, GRID),  # a stamp that goes back
        (street(), 7 * STEP, GRID),  # a gap
        (street(seed=9), 2 * STEP, GRID),  # a cut
        (np.full((H, W, 3), 255, np.uint8), 2 * STEP, GRID),  # blinded
        (street()[:80], 2 * STEP, GRID),  # another camera image
        (street(), 2 * STEP, (20, 40)),  # another grid
    ],
)
def test_the_history_ends(image: np.ndarray, stamp: int, shape: tuple[int, int]) -> None:
    fusion = TemporalFusion()
    fusion.fuse(street(), STEP, spot(8))
    score = np.full(shape, 0.1, np.float32)
    assert np.array_equal(fusion.fuse(image, stamp, score), score)
    # And a new one begins with this frame.
    again = fusion.fuse(image, stamp + STEP, score + 1)
    assert (again < score + 1).any()


def test_a_frame_that_follows_has_a_history() -> None:
    fusion = TemporalFusion()
    fusion.fuse(street(), STEP, spot(8))
    score = np.full(GRID, 0.1, np.float32)
    assert fusion.fuse(street(), 2 * STEP, score)[10:13, 8:11].mean() > 1.0
    fusion.reset()
    assert np.array_equal(fusion.fuse(street(), 3 * STEP, score), score)


def test_it_goes_on_from_a_kept_state_to_the_same_scores() -> None:
    frames = [(street(3 * n), n * STEP, spot(8 + n)) for n in range(6)]
    whole, stopped = TemporalFusion(), TemporalFusion()
    expected = [whole.fuse(*frame) for frame in frames]
    for frame in frames[:3]:
        stopped.fuse(*frame)
    resumed = TemporalFusion()
    resumed.restore(stopped.state())
    for frame, result in zip(frames[3:], expected[3:], strict=True):
        assert np.array_equal(resumed.fuse(*frame), result)
    resumed.restore(TemporalFusion().state())
    assert np.array_equal(resumed.fuse(*frames[4]), frames[4][2])


def test_scores_do_not_depend_on_the_number_of_threads() -> None:
    before = cv2.getNumThreads()
    results = []
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            fusion = TemporalFusion()
            for number in range(3):
                result = fusion.fuse(street(5 * number), number * STEP, spot(8 + number))
            results.append(result)
    finally:
        cv2.setNumThreads(before)
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize("size", [(1, 1), (20, 30), (47, 200)])
def test_images_too_small_for_flow_stand_still(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    fusion = TemporalFusion()
    fusion.fuse(image, STEP, np.full((1, 1), 2.0, np.float32))
    fused = fusion.fuse(image, 2 * STEP, np.full((1, 1), 0.0, np.float32))
    assert fused[0, 0] == pytest.approx(2.0 * FALL_WEIGHT)


def test_the_smallest_image_with_flow_has_flow() -> None:
    side = temporal_fusion._SMALLEST_FOR_FLOW
    fusion = TemporalFusion()
    image = street()[:side, :side]
    fusion.fuse(image, STEP, np.ones((2, 2), np.float32))
    assert np.isfinite(fusion.fuse(image, 2 * STEP, np.ones((2, 2), np.float32))).all()
