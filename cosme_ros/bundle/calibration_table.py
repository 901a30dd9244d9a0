# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The alarm line: from a false-positive rate to a raw CosMe score, and back."""

from collections.abc import Mapping, Sequence

import numpy as np

_SMALLEST = float(np.finfo(np.float32).tiny)
_LARGEST = float(np.finfo(np.float32).max)


USUAL_RATE = 0.001
"""Where a bundle runs if its manifest names no rate."""


def rate_to_run_at(rates: tuple[float, float]) -> float:
    """Return the rate nearest to USUAL_RATE that a table has.

    Args:
        rates: lowest and highest of the table, `Calibration.rates`.

    >>> rate_to_run_at((0.005, 0.2))
    0.005
    """
    lowest, highest = rates
    return min(max(USUAL_RATE, lowest), highest)


def decimal_rate(rate: float) -> str:
    """Return a rate without an exponent: YAML takes 5e-05 for text.

    >>> decimal_rate(5e-05)
    '0.00005'
    """
    return np.format_float_positional(rate, trim="-")


class Calibration:
    """The bundle's calibration table, read between its rows.

    A row says which share of normal pixels scores at or above a raw score (Upsilon, Eq. 8, no
    unit). The tail of a score distribution is close to a straight line on logarithmic axes, hence
    interpolation of log rate against log score.

    Args:
        table: two rows or more, each with `false_positive_rate` in (0, 1), strictly falling from
            row to row, and `raw_score`, a positive normal float32, strictly rising.

    Raises:
        ValueError: the table is not like that.

    >>> table = Calibration(
    ...     [
    ...         {"false_positive_rate": 0.1, "raw_score": 1.0},
    ...         {"false_positive_rate": 0.001, "raw_score": 4.0},
    ...     ]
    ... )
    >>> round(table.threshold(0.01), 6), round(table.rate(2.0), 6)
    (2.0, 0.01)
    """

    def __init__(self, table: Sequence[Mapping[str, float]]) -> None:
        if len(table) < 2:
            raise ValueError(f"the calibration table has {len(table)} rows; two at least are right")
        rates = np.array([float(row["false_positive_rate"]) for row in table])
        scores = np.array([float(row["raw_score"]) for row in table])
        for row, (rate, score) in enumerate(zip(rates, scores, strict=True)):
            if not 0 < rate < 1:
                raise ValueError(f"false_positive_rate of row {row} is {rate}; it lies in (0, 1)")
            # Scores are divided by it in float32: 1e308 is infinity there, and every score 0.
            if not _SMALLEST <= score <= _LARGEST:
                raise ValueError(
                    f"raw_score of row {row} is {score}; it is a positive normal float32, from "
                    f"{_SMALLEST:.4g} to {_LARGEST:.4g}"
                )
            if row and rate >= rates[row - 1]:
                raise ValueError(
                    f"false_positive_rate of row {row} is {rate}, not below the {rates[row - 1]} "
                    "of the row before; rates fall strictly"
                )
            if row and np.float32(score) <= np.float32(scores[row - 1]):
                raise ValueError(
                    f"raw_score of row {row} is {score}, not above the {scores[row - 1]} of the "
                    "row before; scores rise strictly, in float32"
                )
        self._log_rates = np.log(rates)
        self._log_scores = np.log(scores)
        self.rates: tuple[float, float] = (float(rates[-1]), float(rates[0]))
        """Lowest and highest false-positive rate that `threshold` accepts."""

    def threshold(self, false_positive_rate: float) -> float:
        """Return the raw score, above 0, that this share of normal pixels reaches.

        It falls as the rate rises.

        Raises:
            ValueError: the rate is outside of the table, where nothing was measured.
        """
        lowest, highest = self.rates
        if not lowest <= false_positive_rate <= highest:
            raise ValueError(
                f"false_positive_rate is {false_positive_rate}; this bundle was calibrated for "
                f"rates from {lowest:g} to {highest:g}"
            )
        # np.interp wants rising abscissae, and the rates of the table fall.
        log_score = np.interp(
            np.log(false_positive_rate), self._log_rates[::-1], self._log_scores[::-1]
        )
        return float(np.exp(log_score))

    def rate(self, raw_score: float) -> float:
        """Return the share of normal pixels that reach this raw score: the inverse of `threshold`.

        It is clamped to the ends of the table.

        Raises:
            ValueError: the score is NaN.
        """
        if np.isnan(raw_score):
            raise ValueError("raw_score is NaN; it is a number, 0 or more")
        lowest, highest = self.rates
        if raw_score <= 0:
            return highest
        log_score = np.log(raw_score)
        if log_score >= self._log_scores[-1]:
            return lowest
        if log_score < self._log_scores[0]:
            return highest
        above = int(np.searchsorted(self._log_scores, log_score, side="right"))
        score_before, score_after = self._log_scores[above - 1], self._log_scores[above]
        share = (log_score - score_before) / (score_after - score_before)
        rate_before, rate_after = self._log_rates[above - 1], self._log_rates[above]
        return float(np.exp(rate_before + share * (rate_after - rate_before)))
