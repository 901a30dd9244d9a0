# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the parts of a score are on normal frames: quantiles in the manifest's calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""Shares of normal places that reach a value; the first gives the middle."""

_SMALLEST = 1e-12
_PLACES_A_FRAME = 500


class PartReference:
    """The quantiles of the parts on the calibration frames.

    Args:
        record: `calibration.parts` of the manifest: `shares`, falling from 0.5, and by name of a
            part the value that this share of normal places reaches.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._shares = np.asarray(record["shares"], np.float64)
        self._values = {
            name: np.log(np.maximum(np.asarray(values, np.float64), _SMALLEST))
            for name, values in record["values"].items()
        }

    def rarity(self, part: str, value: float) -> float | None:
        """Return the share of normal places that reach a value of a part, 0..1.

        It is between the smallest and the largest of the record's shares, whose ends it is clamped
        to. None where the record does not have the part.
        """
        values = self._values.get(part)
        if values is None:
            return None
        return float(np.exp(np.interp(np.log(max(value, _SMALLEST)), values, np.log(self._shares))))

    def excess(self, part: str, value: float) -> float:
        """Return the logarithm of a value over the middle of the normal ones; 0 where unknown."""
        values = self._values.get(part)
        return 0.0 if values is None else float(np.log(max(value, _SMALLEST)) - values[0])


def part_reference(calibration: Mapping[str, Any]) -> PartReference | None:
    """Return the reference in a manifest's calibration; None in a bundle without it."""
    record = calibration.get("parts")
    return None if record is None else PartReference(record)


class PartSamples:
    """Gathers values of the parts at some places of each of many normal frames."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._values: dict[str, list[NDArray[np.float32]]] = {}

    def add(
        self, parts: Mapping[str, NDArray[np.float32]], looked_at: NDArray[np.bool_] | None = None
    ) -> None:
        """Take a frame in.

        Args:
            parts: as `score_parts` returns them.
            looked_at: bool of their shape; None for all places.
        """
        for name, grid in parts.items():
            values = grid.ravel() if looked_at is None else grid[looked_at]
            places = self._random.integers(values.size, size=min(values.size, _PLACES_A_FRAME))
            self._values.setdefault(name, []).append(values[places])

    def record(self) -> dict[str, Any] | None:
        """Return the manifest's `calibration.parts`; None of nothing."""
        if not self._values:
            return None
        count = min(sum(map(len, values)) for values in self._values.values())
        # A share that fewer than ten values reach is no more than a guess.
        shares: Sequence[float] = [share for share in SHARES if share * count >= 10]
        if not shares:
            return None
        return {
            "shares": list(shares),
            "values": {
                name: [
                    float(f"{value:.6g}")
                    for value in np.quantile(np.concatenate(values), 1 - np.array(shares))
                ]
                for name, values in self._values.items()
            },
        }
