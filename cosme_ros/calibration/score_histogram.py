# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Counts of pixels by raw score: what a calibration table is made of, however long the drive."""

import numpy as np
from numpy.typing import NDArray

RATES = tuple(m * 10.0**e for e in (-1, -2, -3, -4, -5) for m in (2.0, 1.0, 0.5))
"""False-positive rates of a table, per pixel, falling; those the data cannot support go."""

FEWEST_REACHING = 100
"""Pixels that must reach a rate's score for the rate to be in the table."""

# The bits of a float32 of 0 or more, read as a number, rise with it. Without the lowest 12 of 23
# bits of its fraction, neighbouring lines are 0.05 % apart, and any drive takes 4 MB.
_DROPPED_BITS = 12
_BINS = 1 << (31 - _DROPPED_BITS)
# A line is this much above what it must clear: dividing by it and resizing happen in float32,
# whose error is a few parts in 10 million.
_CLEARANCE = 1e-5


class ScoreHistogram:
    """How many pixels have which raw score (Upsilon, Eq. 8). Counts at a line are exact."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)

    @property
    def pixels(self) -> int:
        """Return the number of pixels counted."""
        return int(self._counts.sum())

    def add(self, raw_score: NDArray[np.float32]) -> None:
        """Count a map of raw scores, float32 of any shape, finite, 0 or more."""
        bits = np.ascontiguousarray(raw_score.ravel() + np.float32(0)).view(np.uint32)
        self._counts += np.bincount(bits >> _DROPPED_BITS, minlength=_BINS)

    def include(self, other: "ScoreHistogram") -> None:
        """Count what another has counted, too."""
        self._counts += other._counts

    def reaching(self, line: float) -> int:
        """Count the pixels at or above a line that `line_above` or `table` returned."""
        return int(self._counts[_bin(line) :].sum())

    def table(self) -> list[dict[str, float]]:
        """Return rows {false_positive_rate, raw_score}: the lowest line that this share reaches.

        Rates fall and scores rise strictly: of two rates with the same line the lower one gets the
        next. Raises ValueError where there are too few pixels for two rows.
        """
        pixels = self.pixels
        rates = [rate for rate in RATES if rate * pixels >= FEWEST_REACHING]
        if len(rates) < 2:
            raise ValueError(
                f"{pixels} pixels of score are too few to calibrate on; at least "
                f"{round(FEWEST_REACHING / RATES[1])} are needed"
            )
        reaching = np.cumsum(self._counts[::-1])[::-1]
        table, bin_before = [], -1
        for rate in rates:
            # Where few reach it they are at the end: counts fall from bin to bin.
            lowest = int(np.count_nonzero(reaching > rate * pixels))
            bin_before = max(lowest, bin_before + 1)
            table.append({"false_positive_rate": rate, "raw_score": _edge(bin_before)})
        return table

    def to_sparse(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of the bins that are not empty, and their counts, int64 [n] each."""
        bins = np.flatnonzero(self._counts)
        return bins, self._counts[bins]

    @classmethod
    def from_sparse(cls, bins: NDArray[np.int64], counts: NDArray[np.int64]) -> "ScoreHistogram":
        """Return the histogram that `to_sparse` was called on."""
        made = cls()
        made._counts[bins] = counts
        return made


def line_above(score: float) -> float:
    """Return the lowest line above a raw score, with a margin for float32 rounding."""
    return _edge(_bin(score * (1 + _CLEARANCE)) + 1)


def with_row(table: list[dict[str, float]], rate: float, line: float) -> list[dict[str, float]]:
    """Return the table with one more row; rows that contradict it are removed."""
    row = {"false_positive_rate": rate, "raw_score": line}
    before = [r for r in table if r["false_positive_rate"] > rate and r["raw_score"] < line]
    after = [r for r in table if r["false_positive_rate"] < rate and r["raw_score"] > line]
    return [*before, row, *after]


def _bin(score: float) -> int:
    return int(np.float32(score).view(np.uint32)) >> _DROPPED_BITS


def _edge(number: int) -> float:
    """Return the lowest score of a bin."""
    return float(np.uint32(number << _DROPPED_BITS).view(np.float32))
