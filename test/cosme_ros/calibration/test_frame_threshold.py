# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.postprocessing.obstacles import find_obstacles


def blobs(seed: int) -> np.ndarray:
    """Smooth hills of scores as a network gives them, some of them 0."""
    noise = np.random.default_rng(seed).normal(size=(24, 31)).astype(np.float32)
    return np.maximum(cv2.GaussianBlur(noise, (0, 0), 1.5), 0).astype(np.float32)


def by_trial(score: np.ndarray, region: np.ndarray | None, minimum_area: int) -> float:
    """The highest value of the map at which the node's own function still finds an obstacle."""
    alarming = [
        value
        for value in np.unique(score[score > 0])
        if find_obstacles(
            # 1.0 is the alarm line; only on which side of it a score lies matters.
            np.where(score >= value, 1, 0).astype(np.float32),
            region=region,
            minimum_area=minimum_area,
        )[1]
    ]
    return max(alarming, default=0.0)


@pytest.mark.parametrize("minimum_area", [1, 2, 7, 40, 300])
@pytest.mark.parametrize("limited", [False, True])
def test_it_is_the_highest_line_with_an_obstacle(minimum_area: int, limited: bool) -> None:
    for seed in range(6):
        score = blobs(seed)
        region = np.random.default_rng(seed).random(score.shape) < 0.9 if limited else None
        found = frame_alarm_threshold(score, region=region, minimum_area=minimum_area)
        assert found == by_trial(score, region, minimum_area)


def test_two_small_regions_are_no_obstacle_until_they_join() -> None:
    score = np.zeros((5, 9), np.float32)
    score[2, 1:4] = 3.0
    score[2, 5:8] = 3.0
    score[2, 4] = 0.5
    assert frame_alarm_threshold(score, region=None, minimum_area=3) == 3.0
    assert frame_alarm_threshold(score, region=None, minimum_area=4) == 0.5
    assert frame_alarm_threshold(score, region=None, minimum_area=8) == 0.0


def test_corners_touch() -> None:
    score = np.eye(4, dtype=np.float32)
    assert frame_alarm_threshold(score, region=None, minimum_area=4) == 1.0


def test_nothing_counts_outside_the_region() -> None:
    score = np.full((6, 6), 0.25, np.float32)
    score[:, 3:] = 9.0
    region = np.zeros(score.shape, bool)
    region[:, :3] = True
    assert frame_alarm_threshold(score, region=region, minimum_area=18) == 0.25
    assert frame_alarm_threshold(score, region=region, minimum_area=19) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_score_that_is_none_is_refused(bad: float) -> None:
    score = np.ones((4, 4), np.float32)
    score[1, 2] = bad
    with pytest.raises(ValueError, match="NaN, infinity or a negative"):
        frame_alarm_threshold(score, region=None, minimum_area=1)


def test_other_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"float64 \[4, 4\]; float32"):
        frame_alarm_threshold(np.ones((4, 4)), region=None, minimum_area=1)
    with pytest.raises(ValueError, match="minimum_area is 0"):
        frame_alarm_threshold(np.ones((4, 4), np.float32), region=None, minimum_area=0)
