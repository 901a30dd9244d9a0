# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The calibration table keeps the rates it promises."""

import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration
from training.errors import UsageError
from training.export.calibration_record import RATES, calibration_table


def test_rates_hold_on_the_frames_themselves() -> None:
    maps = list(np.random.default_rng(0).gamma(2.0, size=(5, 60, 80)).astype(np.float32))
    frames, pixels, table = calibration_table(maps)
    assert (frames, pixels) == (5, 5 * 60 * 80)
    pooled = np.concatenate([m.ravel() for m in maps])
    for row in table:
        share = np.mean(pooled >= row["raw_score"])
        # Never more than promised by more than one pixel, never much less.
        assert share == pytest.approx(row["false_positive_rate"], abs=2 / pixels)
    rates = [row["false_positive_rate"] for row in table]
    assert rates == sorted(rates, reverse=True)


def test_rates_that_the_pixels_cannot_support_are_left_out() -> None:
    _, pixels, table = calibration_table([np.random.default_rng(0).random((100, 100))])
    lowest = table[-1]["false_positive_rate"]
    assert lowest * pixels >= 100
    assert len(table) < len(RATES)


def test_the_bundle_takes_a_table_of_scores_that_few_values_have() -> None:
    maps = [np.repeat(np.float32([0.5, 2.0]), (9_990, 10)).reshape(100, 100)]
    _, _, table = calibration_table(maps)
    Calibration(table)
    assert [row["raw_score"] for row in table] == pytest.approx([0.5] * len(table), rel=1e-6)


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ([], "no frames"),
        ([np.full((100, 100), np.nan)], "not finite"),
        ([np.ones((4, 4))], "too few"),
        ([np.zeros((100, 100))], "scores of 1.175e-38 or more"),
    ],
)
def test_refusals(maps: list[np.ndarray], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        calibration_table(maps)
