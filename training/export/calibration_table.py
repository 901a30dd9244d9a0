# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The table that turns a false-positive rate into a raw score, from normal frames."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from cosme_ros.bundle.calibration_table import rate_to_run_at
from training.errors import UsageError

RATES = tuple(m * 10.0**e for e in (-1, -2, -3, -4, -5) for m in (2.0, 1.0, 0.5))
"""False-positive rates of the table, per pixel, falling; those the data cannot support go."""

FEWEST_EXCEEDING = 100
"""Pixels that must lie above a rate's score for the rate to be in the table."""

# Scores are divided by the alarm threshold in float32; below it the quotient loses its digits.
_SMALLEST = float(np.finfo(np.float32).tiny)


def calibration_of(score_maps: Iterable[np.ndarray]) -> dict[str, Any]:
    """Return a manifest's `calibration`, with the rate to run at: the usual one if there is it.

    Args:
        score_maps: as in `calibration_table`.

    Raises:
        UsageError: as `calibration_table`.
    """
    frames, pixels, table = calibration_table(score_maps)
    rate = rate_to_run_at((table[-1]["false_positive_rate"], table[0]["false_positive_rate"]))
    return {"frames": frames, "pixels": pixels, "table": table, "false_positive_rate": rate}


def calibration_table(score_maps: Iterable[np.ndarray]) -> tuple[int, int, list[dict[str, float]]]:
    """Return the raw scores that given shares of normal pixels reach.

    Args:
        score_maps: raw CosMe scores (Eq. 8) of normal frames, any shapes.

    Returns:
        Number of frames, number of pixels (of the maps, at their stride), and the rows
        {false_positive_rate, raw_score} with rates falling and scores rising, both strictly: of
        two rates with the same score the lower one gets the next float32 above it.

    Raises:
        UsageError: no frames, a score that is not finite, or too few pixels for even the
            highest rates.
    """
    flat = [np.ravel(scores) for scores in score_maps]
    if not flat:
        raise UsageError("no frames to calibrate on")
    pooled = np.concatenate(flat)
    if not np.isfinite(pooled).all():
        raise UsageError("a score on a normal frame is not finite; the bundle would be useless")
    rates = [rate for rate in RATES if rate * pooled.size >= FEWEST_EXCEEDING]
    if len(rates) < 2:
        raise UsageError(
            f"{pooled.size} pixels are too few to calibrate on; "
            f"at least {round(FEWEST_EXCEEDING / RATES[1])} are needed"
        )
    scores = np.quantile(pooled, 1.0 - np.array(rates), method="higher")
    if scores[0] < _SMALLEST:
        raise UsageError(
            f"the score that {rates[0]:g} of the normal pixels reach is {scores[0]}; a calibration "
            f"needs scores of {_SMALLEST:.4g} or more"
        )
    table: list[dict[str, float]] = []
    score_before = np.float32(0)
    for rate, score in zip(rates, scores.astype(np.float32), strict=True):
        score_before = max(score, np.nextafter(score_before, np.float32(np.inf)))
        table.append({"false_positive_rate": rate, "raw_score": float(score_before)})
    return len(flat), pooled.size, table
