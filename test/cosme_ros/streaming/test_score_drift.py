# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores that are spread otherwise than in calibration, on either side."""

import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration
from cosme_ros.streaming.score_drift import (
    ScoreSpread,
    drift_reference,
    drift_warning,
    mean_spread,
    score_spread,
)

TABLE = [
    {"false_positive_rate": rate, "raw_score": score}
    for rate, score in ((0.2, 0.02), (0.05, 0.06), (0.01, 0.1), (0.001, 0.25))
]
REFERENCE = drift_reference(Calibration(TABLE))


def normal(seed=0):
    """A frame of which the calibration's shares reach the calibration's scores."""
    shares = np.random.default_rng(seed).permutation(14400) / 14400
    rates = [0.999, *(row["false_positive_rate"] for row in TABLE)]
    scores = [0.0001, *(row["raw_score"] for row in TABLE)]
    flat = np.interp(shares, rates[::-1], scores[::-1])
    return flat.reshape(90, 160).astype(np.float32)


def judged(*grids):
    return drift_warning(mean_spread([score_spread(grid, REFERENCE) for grid in grids]), REFERENCE)


def test_the_tables_rows_are_watched():
    assert (REFERENCE.rare_rate, REFERENCE.common_rate) == (0.01, 0.2)
    assert REFERENCE.rare_score == pytest.approx(0.1)
    assert REFERENCE.common_score == pytest.approx(0.02)
    short = drift_reference(Calibration(TABLE[:2]))
    assert (short.rare_rate, short.common_rate) == (0.05, 0.2)


def test_shares_are_those_of_the_frames_own_pixels():
    spread = score_spread(normal(), REFERENCE)
    assert spread.rare == pytest.approx(0.01, abs=2e-4)
    assert spread.common == pytest.approx(0.2, abs=2e-4)
    assert spread.constant == 0.0


def test_scenes_as_in_calibration_are_no_drift():
    assert judged(normal(1), normal(2)) is None
    assert judged(np.float32(0.4) * normal()) is None, "a quiet road"
    one_obstacle = normal()
    one_obstacle[40:60, 60:90] = 3.0
    assert judged(one_obstacle) is None


@pytest.mark.parametrize(
    "grid",
    [
        np.zeros((90, 160), np.float32),
        np.full((90, 160), 1e-6, np.float32),
        np.full((90, 160), 0.05, np.float32),  # between the two watched scores
        np.full((90, 160), 0.3, np.float32),
        0.05 * normal(),
        np.linspace(0, 0.019, 14400, dtype=np.float32).reshape(90, 160),
    ],
)
def test_a_network_that_gives_nothing_is_told_apart_from_an_anomalous_scene(grid):
    assert "the network gives nothing, or the lens is covered" in judged(grid)
    assert "unknown, not clear" in judged(grid)


def test_one_frame_without_any_picture_is_told():
    assert "10% of the frames have the same score" in judged(
        *[normal(seed) for seed in range(9)], np.zeros((90, 160), np.float32)
    )


def test_an_anomalous_scene_is_told_as_such():
    warning = judged(20 * normal())
    assert "reached in calibration: these are not the scenes" in warning
    assert "gives nothing" not in warning


def test_of_no_frame_there_is_no_spread():
    assert mean_spread([]) is None
    assert mean_spread([ScoreSpread(0.0, 0.1, 0.0), ScoreSpread(0.2, 0.3, 1.0)]) == ScoreSpread(
        pytest.approx(0.1), pytest.approx(0.2), 0.5
    )
