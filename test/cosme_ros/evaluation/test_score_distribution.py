# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.evaluation.score_distribution import ScoreDistribution

TABLE = [
    {"false_positive_rate": 0.1, "raw_score": 1.5},
    {"false_positive_rate": 0.01, "raw_score": 4.0},
]


def grids(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return [rng.exponential(1.0, (9, 16)).astype(np.float32) for _ in range(count)]


def test_shares_are_those_of_a_count_by_hand() -> None:
    frames = grids(6)
    frames[0][0, 0] = 1.5  # at the score is above it, as for an alarm
    counts = ScoreDistribution(TABLE)
    for index, grid in enumerate(frames):
        counts.add(grid, known_normal=index < 2)
    for row, of_table in zip(counts.exceedance(), TABLE, strict=True):
        assert row.promised_rate == of_table["false_positive_rate"]
        assert row.observed == np.mean(np.stack(frames) >= of_table["raw_score"])
        assert row.observed_normal == np.mean(np.stack(frames[:2]) >= of_table["raw_score"])


def test_every_place_is_in_one_bin_even_those_beyond_the_axis() -> None:
    grid = np.array([[0.0, 1e-9, 0.02, 3.0, 1e6]], np.float32)
    counts = ScoreDistribution(TABLE)
    counts.add(grid, known_normal=False)
    assert counts.counts.sum() == 5
    assert counts.counts[0] == 2 and counts.counts[-1] == 1
    inside = np.histogram([0.02, 3.0], counts.edges)[0]
    np.testing.assert_array_equal(counts.counts[1:-1], inside[1:-1])


def test_two_parts_are_as_one() -> None:
    whole, first, second = (
        ScoreDistribution(TABLE),
        ScoreDistribution(TABLE),
        ScoreDistribution(TABLE),
    )
    for index, grid in enumerate(grids(5)):
        whole.add(grid, known_normal=index == 4)
        (first if index < 2 else second).add(grid, known_normal=index == 4)
    first.include(second)
    assert first.exceedance() == whole.exceedance()
    np.testing.assert_array_equal(first.counts, whole.counts)


def test_of_nothing_there_is_nothing_to_say() -> None:
    counts = ScoreDistribution(TABLE)
    assert counts.exceedance() == ()
    counts.add(grids(1)[0], known_normal=False)
    assert counts.exceedance()[0].observed_normal is None
    assert counts.exceedance()[0].observed == pytest.approx(np.mean(grids(1)[0] >= 1.5))
