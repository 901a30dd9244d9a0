# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether scores are spread as they were in calibration: too high, too low, or not at all.

Two raw scores of the calibration table are watched. Many more pixels above the rare one than in
calibration mean scenes that the bundle does not know. Hardly any pixel above the common one, or
the same score at every pixel, mean a network that gives nothing or a camera that sees nothing:
such frames look clear, and are unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.calibration_table import Calibration

RARE_RATE = 0.01
"""False-positive rate at which high scores are watched: common enough to measure."""
HIGHEST_FACTOR = 10.0
"""Times RARE_RATE: an obstacle alone does not fill a tenth of the road."""
LOWEST_FACTOR = 0.05
"""Times the common rate."""
CONSTANT_RANGE = 1e-4
"""Of the highest score: a range of scores below it is no picture of anything."""


@dataclass(frozen=True)
class DriftReference:
    """Two rows of the calibration: shares of pixels, and the raw scores that they reached."""

    rare_rate: float
    rare_score: float
    common_rate: float
    common_score: float


def drift_reference(calibration: Calibration) -> DriftReference:
    """Return the rows to watch: RARE_RATE, or what is nearest to it, and the table's largest."""
    lowest, highest = calibration.rates
    rare = min(max(RARE_RATE, lowest), highest)
    return DriftReference(
        rare, calibration.threshold(rare), highest, calibration.threshold(highest)
    )


@dataclass(frozen=True)
class ScoreSpread:
    """How the scores of one frame, or of several on average, are spread; shares, 0..1."""

    rare: float
    """Of pixels at or above the rare score."""
    common: float
    """Of pixels at or above the common score."""
    constant: float
    """Of frames with the same score at every pixel."""


def score_spread(raw_score: NDArray[np.float32], reference: DriftReference) -> ScoreSpread:
    """Return the spread of one frame's raw scores, float32 of any shape, 0 or more."""
    highest = float(raw_score.max())
    return ScoreSpread(
        rare=float(np.mean(raw_score >= reference.rare_score)),
        common=float(np.mean(raw_score >= reference.common_score)),
        constant=float(highest - float(raw_score.min()) <= CONSTANT_RANGE * highest),
    )


def mean_spread(spreads: Sequence[ScoreSpread]) -> ScoreSpread | None:
    """Return the mean over frames; None of nothing."""
    if not spreads:
        return None
    rare, common, constant = np.mean([(s.rare, s.common, s.constant) for s in spreads], axis=0)
    return ScoreSpread(float(rare), float(common), float(constant))


def drift_warning(spread: ScoreSpread, reference: DriftReference) -> str | None:
    """Return what is wrong with a mean spread in a sentence; None where nothing is."""
    if spread.constant > 0:
        return (
            f"{spread.constant:.0%} of the frames have the same score at every pixel: the network "
            "gives nothing, or the lens is covered; the road is unknown, not clear"
        )
    if spread.common < LOWEST_FACTOR * reference.common_rate:
        return (
            f"only {spread.common:.2%} of the pixels reach the score that "
            f"{reference.common_rate:.1%} reached in calibration: the network gives nothing, or "
            "the lens is covered; the road is unknown, not clear"
        )
    if spread.rare > HIGHEST_FACTOR * reference.rare_rate:
        return (
            f"{spread.rare:.1%} of the pixels reach the score that {reference.rare_rate:.1%} "
            "reached in calibration: these are not the scenes the bundle was fitted on"
        )
    return None
