"""Repeated measurements as a median and its spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles of `values`, which holds at least one, in their unit, and they.

    The quartiles, and not a standard deviation: what disturbs a measurement only ever makes it
    slower, and one long pause would widen the latter without end.
    """
    if not values:
        raise ValueError("there is no value to take the median of; at least one is right")
    q25, median, q75 = (float(value) for value in np.percentile(values, (25, 50, 75)))
    return {
        "median": median,
        "q25": q25,
        "q75": q75,
        "runs": len(values),
        "values": [float(f"{value:.6g}") for value in values],
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, in the unit of `values`, which holds at least one."""
    if not values:
        raise ValueError("there is no value to take percentiles of; at least one is right")
    p50, p95, p99 = (float(value) for value in np.percentile(values, (50, 95, 99)))
    return {"p50": p50, "p95": p95, "p99": p99}


def jitter(arrivals: Sequence[float]) -> float | None:
    """Mean distance of the time between two arrivals from its own mean, in the unit of `arrivals`.

    They are in order; None for fewer than three.
    """
    if len(arrivals) < 3:
        return None
    gaps = np.diff(arrivals)
    return float(np.abs(gaps - gaps.mean()).mean())
