# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The speed of an obstacle on the ground, from where it was in the last second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SPAN_S = 1.0
"""Seconds of positions that a velocity is of: one position is too uncertain."""
LEAST_SPAN_S = 0.2
LEAST_POSITIONS = 3


def ground_velocity(
    history: Sequence[tuple[int, float, float]],
) -> tuple[float, float] | None:
    """Return the velocity in m/s by a straight line through the positions (least squares).

    Of a frame that is fixed to the world it is the velocity over ground; of the vehicle's own frame
    it is relative to the vehicle.

    Args:
        history: stamp in nanoseconds, x and y in metres, of rising stamps. Of positions more than
            SPAN_S before the last nothing is used.

    Returns:
        None where there are fewer than LEAST_POSITIONS, or they span less than LEAST_SPAN_S.

    >>> ground_velocity([(0, 10.0, 1.0), (100_000_000, 9.5, 1.0), (200_000_000, 9.0, 1.0)])
    (-5.0, 0.0)
    """
    if not history:
        return None
    values = np.array(history, np.float64)
    seconds = (np.array([entry[0] for entry in history], np.int64) - history[-1][0]) * 1e-9
    recent = seconds >= -SPAN_S - 1e-9
    seconds, positions = seconds[recent], values[recent, 1:]
    if len(seconds) < LEAST_POSITIONS or float(np.ptp(seconds)) < LEAST_SPAN_S - 1e-9:
        return None
    from_mean = seconds - seconds.mean()
    slope = from_mean @ positions / (from_mean @ from_mean)
    x, y = np.round(slope, 9).tolist()
    return x + 0.0, y + 0.0
