# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How raw scores are distributed, beside the shares in the bundle's calibration table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOWEST, _HIGHEST = -6, 3  # powers of ten
_BINS_A_DECADE = 20


@dataclass(frozen=True)
class Exceedance:
    """One row of the calibration table, and what was seen of it; shares of 0..1."""

    # The name is a key in report.json, which older reports have too.
    promised_rate: float
    raw_score: float
    observed: float
    """Share of all places of the score's grid at or above `raw_score`."""
    observed_normal: float | None
    """The same on labelled frames without an anomaly; None where there are none."""


class ScoreDistribution:
    """Counts grid places by raw score (Upsilon, Eq. 8); memory does not grow with frames.

    Exact at the scores of a bundle's table, wherever they lie. `ScoreHistogram`, of which
    tables are made, is exact at lines of its own making only.
    """

    def __init__(self, table: Sequence[Mapping[str, float]]) -> None:
        self._rates = [float(row["false_positive_rate"]) for row in table]
        self._thresholds = np.array([row["raw_score"] for row in table], np.float64)
        decades = _HIGHEST - _LOWEST
        self.edges: NDArray[np.float64] = np.logspace(
            _LOWEST, _HIGHEST, decades * _BINS_A_DECADE + 1
        )
        """Raw scores; the outer bins take what lies beyond."""
        self.counts = np.zeros(self.edges.size - 1, np.int64)
        """Places of all frames between two edges."""
        self._places = np.zeros(2, np.int64)
        self._above = np.zeros((2, self._thresholds.size), np.int64)

    def add(self, raw_score: NDArray[np.float32], *, known_normal: bool) -> None:
        """Count one frame's grid; `known_normal` if it has labels and none is an anomaly."""
        ordered = np.sort(raw_score, axis=None).astype(np.float64)
        above = ordered.size - np.searchsorted(ordered, self._thresholds)
        for kind in (0, 1) if known_normal else (0,):
            self._places[kind] += ordered.size
            self._above[kind] += above
        inner = np.searchsorted(ordered, self.edges[1:-1])
        self.counts += np.diff(inner, prepend=0, append=ordered.size)

    def include(self, other: "ScoreDistribution") -> None:
        """Count what `other` has counted too; of the same bundle."""
        self.counts += other.counts
        self._places += other._places
        self._above += other._above

    def exceedance(self) -> tuple[Exceedance, ...]:
        """Return the calibration table with the observed shares; empty before any frame."""
        if not self._places[0]:
            return ()
        rows = []
        for row, (rate, score) in enumerate(zip(self._rates, self._thresholds, strict=True)):
            normal = float(self._above[1, row] / self._places[1]) if self._places[1] else None
            observed = float(self._above[0, row] / self._places[0])
            rows.append(Exceedance(rate, float(score), observed, normal))
        return tuple(rows)
