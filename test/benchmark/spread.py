# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Repeated measurements as a median and its spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import quantile_test


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


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of all that might have been measured lies, at 95 %, however it is spread.

    That is between two of `values` by their order. Of fewer than six it is the smallest and the
    largest, which is a little less than 95 %.
    """
    interval = quantile_test(values, p=0.5).confidence_interval(0.95)
    low = min(values) if np.isnan(interval.low) else float(interval.low)
    high = max(values) if np.isnan(interval.high) else float(interval.high)
    return low, high


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
