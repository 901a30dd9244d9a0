# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration
from cosme_ros.calibration.score_histogram import (
    FEWEST_REACHING,
    ScoreHistogram,
    line_above,
    with_row,
)


def scores(count: int, seed: int = 0) -> np.ndarray:
    """Spread over many orders of magnitude, with zeros, as a product of two scores is."""
    random = np.random.default_rng(seed)
    values = random.lognormal(-7, 2, count)
    values[random.random(count) < 0.05] = 0
    return values.astype(np.float32)


def test_a_row_says_what_share_reaches_its_score() -> None:
    values = scores(200_000)
    counts = ScoreHistogram()
    for part in np.array_split(values, 7):
        counts.add(part.reshape(1, -1))
    table = counts.table()
    assert counts.pixels == values.size
    assert [row["false_positive_rate"] for row in table] == pytest.approx(
        [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005]
    )
    for row in table:
        share = np.mean(values >= row["raw_score"])
        assert share <= row["false_positive_rate"]
        # The line below it, 0.05 % lower, is reached by more: it is the lowest that will do.
        assert np.mean(values >= row["raw_score"] * (1 - 2**-10)) > row["false_positive_rate"]
        assert counts.reaching(row["raw_score"]) == np.count_nonzero(values >= row["raw_score"])
    Calibration(table)


def test_scores_of_few_values_give_a_table_that_a_bundle_takes() -> None:
    counts = ScoreHistogram()
    counts.add(np.repeat(np.float32([0.5, 2.0]), (99_000, 1_000)))
    table = counts.table()
    Calibration(table)
    for row in table:
        assert counts.reaching(row["raw_score"]) <= row["false_positive_rate"] * counts.pixels


def test_a_rate_needs_enough_pixels_above_it() -> None:
    counts = ScoreHistogram()
    counts.add(scores(FEWEST_REACHING * 10))
    assert [row["false_positive_rate"] for row in counts.table()] == [0.2, 0.1]
    few = ScoreHistogram()
    few.add(scores(FEWEST_REACHING * 10 - 1))
    with pytest.raises(ValueError, match=r"999 pixels of score are too few .* at least 1000"):
        few.table()


def test_a_line_above_a_score_is_not_reached_by_it() -> None:
    for score in scores(1000).tolist():
        line = line_above(score)
        # Some parts in 10 million are lost where the detector divides by the line and resizes.
        assert np.float32(score) / np.float32(line) < 1 - 5e-6
        assert line <= max(score * 1.001, 1e-40)
        assert np.float32(line) == line  # the detector divides by it in float32


def test_counts_are_kept_and_put_together() -> None:
    first, second, both = ScoreHistogram(), ScoreHistogram(), ScoreHistogram()
    first.add(scores(5000, seed=1))
    second.add(scores(7000, seed=2))
    both.add(np.concatenate([scores(5000, seed=1), scores(7000, seed=2)]))
    first.include(ScoreHistogram.from_sparse(*second.to_sparse()))
    assert first.table() == both.table()
    assert first.pixels == 12_000


TABLE = [
    {"false_positive_rate": 0.1, "raw_score": 1.0},
    {"false_positive_rate": 0.01, "raw_score": 2.0},
    {"false_positive_rate": 0.001, "raw_score": 4.0},
]


@pytest.mark.parametrize(
    ("rate", "line", "left"),
    [
        (0.0001, 9.0, [0.1, 0.01, 0.001, 0.0001]),
        (0.005, 3.0, [0.1, 0.01, 0.005, 0.001]),
        (0.01, 2.0, [0.1, 0.01, 0.001]),
        # A row that says otherwise gives way: 0.002 of the pixels cannot reach 5 where only 0.001
        # of them reach 4.
        (0.002, 5.0, [0.1, 0.01, 0.002]),
        (0.1, 1.0, [0.1, 0.01, 0.001]),
    ],
)
def test_a_row_is_met_exactly_and_the_table_stays_one(rate, line, left) -> None:
    table = with_row(TABLE, rate, line)
    assert [row["false_positive_rate"] for row in table] == left
    assert np.float32(Calibration(table).threshold(rate)) == np.float32(line)
