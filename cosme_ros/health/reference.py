# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the measures of normal frames were: the reference in the manifest, and how far off one is.

The reference has three quantiles of each measure. How far a value is off is its excess: the
distance beyond the nearer end, over the distance from the middle to that end. 0 is what calibration
saw; 1 is as far beyond the end as the end is from the middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.health.measures import MEASURES

QUANTILES = (0.01, 0.5, 0.99)
"""Of the calibration frames: the ends are not their extremes, of which one frame decides."""

FEWEST_FRAMES = 20
"""Of which the ends mean something."""


class HealthReference:
    """The measures of a bundle's calibration frames.

    Args:
        record: `calibration.health` of the manifest: `frames`, and `measures` by name with `low`,
            `middle` and `high`. A measure that this version does not know is left out.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        known = record["measures"]
        self.frames: int = record["frames"]
        """Frames that it was measured on."""
        unknown = {"low": -np.inf, "middle": 0.0, "high": np.inf}
        rows = [known.get(measure.name, unknown) for measure in MEASURES]
        low, middle, high = (
            np.array([row[name] for row in rows], np.float64) for name in ("low", "middle", "high")
        )
        smallest = np.array([measure.smallest_scale for measure in MEASURES])
        self._low = np.where([bool(measure.low) for measure in MEASURES], low, -np.inf)
        self._high = np.where([bool(measure.high) for measure in MEASURES], high, np.inf)
        self._below = np.maximum(middle - low, smallest)
        self._above = np.maximum(high - middle, smallest)

    def excess(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far a frame's measures are off, float64 in the order of MEASURES.

        Below 0 where a value is too low, above 0 where it is too high, 0 where it is neither.

        Args:
            values: as `frame_measures` returns them.
        """
        with np.errstate(invalid="ignore"):
            under = np.where(values < self._low, (values - self._low) / self._below, 0.0)
            over = np.where(values > self._high, (values - self._high) / self._above, 0.0)
        return np.asarray(under + over)


def health_reference(calibration: Mapping[str, Any]) -> HealthReference | None:
    """Return the reference in a manifest's calibration; None in a bundle without it."""
    record = calibration.get("health")
    return None if record is None else HealthReference(record)


def reference_record(frames: Sequence[NDArray[np.float64]]) -> dict[str, Any] | None:
    """Return the manifest's `calibration.health` of normal frames.

    Args:
        frames: of each frame what `frame_measures` returned. NaN was not measured.

    Returns:
        None where any measure has fewer than FEWEST_FRAMES. `frames` is the number of frames of
        which all was measured.
    """
    if not len(frames):
        return None
    rows = np.stack(frames)
    measured = ~np.isnan(rows)
    if measured.sum(axis=0).min() < FEWEST_FRAMES:
        return None
    quantiles = np.nanquantile(rows, QUANTILES, axis=0)
    return {
        "frames": int(measured.all(axis=1).sum()),
        "measures": {
            measure.name: {
                name: round(float(value), 6)
                for name, value in zip(("low", "middle", "high"), column, strict=True)
            }
            for measure, column in zip(MEASURES, quantiles.T, strict=True)
        },
    }
