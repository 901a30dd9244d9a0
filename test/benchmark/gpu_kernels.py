# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which kernels a call runs on a GPU, whoever starts them: CUPTI sees the whole process."""

from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

_RUNS = 3
_LISTED = 25


def kernel_times(call: Callable[[], object]) -> dict[str, Any]:
    """Return the time of a call's kernels in milliseconds: in all, and of the longest by name."""
    for _ in range(3):
        call()
    if not torch.cuda.is_available():
        return {"total_ms": 0.0, "kernels": []}
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(_RUNS):
            call()
        torch.cuda.synchronize()
    rows = sorted(profiled.key_averages(), key=lambda row: -row.device_time_total)
    total = sum(row.device_time_total for row in rows)
    return {
        "total_ms": total / 1000 / _RUNS,
        "kernels": [
            {
                "name": row.key[:160],
                "calls": row.count / _RUNS,
                "ms": row.device_time_total / 1000 / _RUNS,
            }
            for row in rows[:_LISTED]
        ],
    }
