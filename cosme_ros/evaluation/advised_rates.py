# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which `false_positive_rate` to set: for the best F1, and for a wished number of false alarms.

Both are chosen on the drives that are evaluated, and describe these only. A number of false alarms
that holds on further drives takes hours of normal driving and `calibrate`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosme_ros.bundle.calibration_table import Calibration, decimal_rate
from cosme_ros.calibration.false_alarms import (
    NormalDrive,
    count_alarms,
    hours_of,
    score_to_stay_above,
    seconds_of_frames,
)
from cosme_ros.calibration.score_histogram import line_above
from cosme_ros.evaluation.results import BagFigures
from cosme_ros.evaluation.temporal_metrics import clock
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics
from cosme_ros.visualization.text import counted

NO_SUCH_RATE = "none in the calibration table"
"""The text where an AdvisedRate has no setting."""

_DIGITS = 4


@dataclass(frozen=True)
class AdvisedRate:
    """A setting of the node, and what it does on the drives that were evaluated."""

    purpose: str
    raw_score: float
    """Of the alarm line."""
    false_positive_rate: float | None
    """None where the line is outside of the bundle's calibration table."""
    effect: str

    @property
    def setting(self) -> str:
        """Return the argument of `ros2 launch`; empty where no rate sets this line."""
        rate = self.false_positive_rate
        return "" if rate is None else f"false_positive_rate:={decimal_rate(rate)}"


def advised_rates(
    bags: Sequence[BagFigures],
    calibration: Calibration,
    pixels: AnomalyMetrics | None,
    *,
    false_alarms_per_hour: float,
    alarm_gap: float,
) -> tuple[AdvisedRate, ...]:
    """Return the rates for the best pixel F1 and for the wished false alarms an hour.

    Args:
        bags: with `FrameFigures.alarm_score` where a frame may be taken as normal.
        calibration: of the bundle.
        pixels: metrics over all bags; None where there are no labels of both kinds.
        false_alarms_per_hour: above 0.
        alarm_gap: seconds; alarming frames no further apart are one alarm.
    """
    advised = []
    if pixels is not None:
        advised.append(
            AdvisedRate(
                "best pixel F1",
                pixels.best_f1_threshold,
                _rate(calibration, pixels.best_f1_threshold),
                f"F1 {pixels.best_f1:.3f} over all labelled pixels",
            )
        )
    drives = [drive for bag in bags if (drive := _normal_frames(bag)).stamps.size]
    hours = hours_of(drives)
    if hours > 0:
        line = line_above(
            score_to_stay_above(drives, math.floor(false_alarms_per_hour * hours), gap=alarm_gap)
        )
        # Below the table's first line nothing was measured.
        line = max(line, calibration.threshold(calibration.rates[1]))
        alarms = counted(count_alarms(drives, line, gap=alarm_gap), "alarm")
        s = "" if false_alarms_per_hour == 1 else "s"
        purpose = f"at most {false_alarms_per_hour:g} false alarm{s} an hour"
        effect = f"{alarms} in {hours * 60:.3g} minutes"
        advised.append(AdvisedRate(purpose, line, _rate(calibration, line), effect))
    return tuple(advised)


def _normal_frames(bag: BagFigures) -> NormalDrive:
    """Return the frames that are known to be normal; of a bag without labels all of them."""
    at = clock(bag.frames)
    scores = [frame.alarm_score for frame in bag.frames]
    chosen = np.array([score is not None for score in scores], bool)
    return NormalDrive(
        stamps=at[chosen],
        alarm_scores=np.array([score for score in scores if score is not None], np.float64),
        seconds=float(seconds_of_frames(at)[chosen].sum()),
    )


def _rate(calibration: Calibration, line: float) -> float | None:
    """Return the highest rate of four digits whose line is no lower than this one."""
    lowest, highest = calibration.rates
    if not calibration.threshold(highest) <= line <= calibration.threshold(lowest):
        return None
    exact = calibration.rate(line)
    unit = 10.0 ** (math.floor(math.log10(exact)) + 1 - _DIGITS)
    return float(f"{max(lowest, math.floor(exact / unit) * unit):.{_DIGITS}g}")
