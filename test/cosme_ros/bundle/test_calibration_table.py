# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import itertools
import math

import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration

TABLE = [
    {"false_positive_rate": 0.1, "raw_score": 0.002},
    {"false_positive_rate": 0.01, "raw_score": 0.03},
    {"false_positive_rate": 0.001, "raw_score": 0.04},
    {"false_positive_rate": 0.0001, "raw_score": 0.5},
]


def by_hand(rate: float) -> float:
    """Log-log interpolation, written out."""
    for before, after in itertools.pairwise(TABLE):
        x0, x1 = math.log(before["false_positive_rate"]), math.log(after["false_positive_rate"])
        y0, y1 = math.log(before["raw_score"]), math.log(after["raw_score"])
        if x1 <= math.log(rate) <= x0:
            return math.exp(y0 + (math.log(rate) - x0) * (y1 - y0) / (x1 - x0))
    raise AssertionError(rate)


def test_threshold_is_interpolated_on_logarithmic_axes() -> None:
    calibration = Calibration(TABLE)
    for rate in np.geomspace(0.0001001, 0.0999, 41):
        # Both go through exp(log(x)): a few units in the last place of a double.
        assert calibration.threshold(rate) == pytest.approx(by_hand(rate), rel=1e-12)


def test_rows_of_the_table_are_met() -> None:
    calibration = Calibration(TABLE)
    for row in TABLE:
        found = calibration.threshold(row["false_positive_rate"])
        assert found == pytest.approx(row["raw_score"], rel=1e-12)


def test_threshold_never_falls_when_fewer_alarms_are_wanted() -> None:
    calibration = Calibration(TABLE)
    thresholds = [calibration.threshold(rate) for rate in np.geomspace(0.1, 0.0001, 500)[1:-1]]
    assert np.all(np.diff(thresholds) >= 0)


@pytest.mark.parametrize("rate", [0.2, 0.00005, 0.0, -0.1, 1.0, float("nan")])
def test_a_rate_outside_the_table_is_refused_with_its_range(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rates from 0\.0001 to 0\.1"):
        Calibration(TABLE).threshold(rate)


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.02, 0.0005, 0.0001])
def test_rate_is_the_inverse_of_threshold(rate: float) -> None:
    calibration = Calibration(TABLE)
    assert calibration.rate(calibration.threshold(rate)) == pytest.approx(rate, rel=1e-9)


def test_rate_is_clamped_to_the_table() -> None:
    calibration = Calibration(TABLE)
    assert calibration.rate(0.0) == 0.1
    assert calibration.rate(-1.0) == 0.1
    assert calibration.rate(1e-9) == 0.1
    assert calibration.rate(1e9) == 0.0001
    assert calibration.rate(math.inf) == 0.0001
    with pytest.raises(ValueError, match="NaN"):
        calibration.rate(math.nan)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(0.1, 1.0)], "1 rows; two"),
        ([(0.1, 1.0), (0.1, 2.0)], "row 1 is 0.1, not below the 0.1"),
        ([(0.1, 1.0), (0.2, 2.0)], "row 1 is 0.2, not below the 0.1"),
        ([(0.1, 2.0), (0.01, 1.0)], "row 1 is 1.0, not above the 2.0"),
        ([(0.1, 1.0), (0.01, 1.0)], "row 1 is 1.0, not above the 1.0"),
        ([(0.1, 1.0), (0.01, 1.00000001)], "row 1 is 1.00000001, not above the 1.0"),
        ([(0.1, 0.0), (0.01, 1.0)], "row 0 is 0.0; it is a positive normal float32"),
        ([(0.1, 5e-324), (0.01, 1.0)], "row 0 is 5e-324; it is a positive normal float32"),
        ([(0.1, 1e-40), (0.01, 1.0)], "row 0 is 1e-40; it is a positive normal float32"),
        ([(0.1, -1.0), (0.01, 1.0)], "row 0 is -1.0; it is a positive normal float32"),
        ([(0.1, math.nan), (0.01, 1.0)], "row 0 is nan; it is a positive normal float32"),
        ([(0.1, 1.0), (0.01, math.inf)], "row 1 is inf; it is a positive normal float32"),
        ([(0.1, 1.0), (0.01, 1e308)], r"row 1 is 1e\+308; it is a positive normal float32"),
        ([(1.0, 1.0), (0.01, 2.0)], r"row 0 is 1.0; it lies in \(0, 1\)"),
    ],
)
def test_a_table_that_is_none_is_refused(rows: list[tuple[float, float]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calibration([{"false_positive_rate": rate, "raw_score": score} for rate, score in rows])
