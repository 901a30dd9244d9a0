# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration
from cosme_ros.calibration.false_alarms import alarms_of
from cosme_ros.evaluation.advised_rates import advised_rates
from cosme_ros.evaluation.results import BagFigures, FrameFigures
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics

TABLE = [
    {"false_positive_rate": 0.1, "raw_score": 0.1},
    {"false_positive_rate": 0.01, "raw_score": 1.0},
    {"false_positive_rate": 0.0001, "raw_score": 4.0},
]
CALIBRATION = Calibration(TABLE)
GAP = 5.0


def drive(scores: list[float | None], seconds: float) -> BagFigures:
    figures = BagFigures.__new__(BagFigures)
    figures.frames = [
        FrameFigures(
            frame=index,
            stamp=round(index * seconds * 1e9),
            bag_time=0,
            peak=0.0,
            obstacles=0,
            mask_pixels=0,
            mask_iou=None,
            anomalous_pixels=0 if score is not None else 1,
            missed=0,
            false_obstacles=0,
            alarm_score=score,
        )
        for index, score in enumerate(scores)
    ]
    return figures


def advised(bags, pixels=None, wished: float = 6.0):
    return advised_rates(bags, CALIBRATION, pixels, false_alarms_per_hour=wished, alarm_gap=GAP)


def test_the_rate_raises_no_more_alarms_than_wished() -> None:
    """Against a count at the line that the rate sets in the node."""
    scores = np.random.default_rng(0).uniform(0.2, 3.5, 60)
    bag = drive(scores.tolist(), 60.0)  # an hour
    stamps = np.array([frame.stamp for frame in bag.frames])
    for wished in (1.0, 3.0, 6.0):
        (rate,) = advised([bag], wished=wished)
        assert rate.false_positive_rate is not None
        line = CALIBRATION.threshold(rate.false_positive_rate)
        assert alarms_of(stamps[scores >= line], gap=GAP) == wished
        # Four digits cost little: a line lower by a thousandth raises one more.
        next_score = np.sort(scores)[-int(wished) - 1]
        assert next_score < line < next_score * 1.01
        assert f"{wished:g} alarm" in rate.effect


def test_frames_that_may_be_abnormal_do_not_count() -> None:
    (quiet,) = advised([drive([0.5, None, 0.6, 0.4] * 15, 60.0)])
    assert quiet.raw_score == pytest.approx(0.6, rel=0.01)
    assert advised([drive([None] * 5, 60.0)]) == ()


def test_a_line_outside_of_the_table_has_no_setting() -> None:
    (rate,) = advised([drive([0.5, 9.0, 9.0, 0.3] * 15, 60.0)], wished=1.0)
    assert (rate.false_positive_rate, rate.setting) == (None, "")


def test_silence_does_not_go_below_the_table() -> None:
    (rate,) = advised([drive([0.0] * 60, 60.0)])
    assert rate.setting == "false_positive_rate:=0.1"


def test_the_rate_of_best_f1_sets_its_line() -> None:
    pixels = AnomalyMetrics(0.5, 0.9, 0.1, 0.0, best_f1=0.7, best_f1_threshold=2.5)
    best, _ = advised([drive([0.5] * 60, 60.0)], pixels)
    assert best.purpose == "best pixel F1" and best.false_positive_rate is not None
    assert CALIBRATION.threshold(best.false_positive_rate) == pytest.approx(2.5, rel=1e-3)
    assert best.setting == f"false_positive_rate:={best.false_positive_rate}"
