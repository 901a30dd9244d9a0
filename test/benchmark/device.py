# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The device that PyTorch computes on here, and how its time is taken."""

from collections.abc import Callable
from time import perf_counter

import torch

HALF = {"cuda": torch.float16, "cpu": torch.bfloat16}
"""The half precision that a device is fast in, if it is in any."""


def torch_device(choice: str) -> str:
    """'cuda' or 'cpu'; `choice` may be 'auto', which takes the GPU where there is one.

    Raises ValueError for a GPU that is not there.
    """
    if choice == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cuda" and not torch.cuda.is_available():
        raise ValueError("PyTorch sees no CUDA device here; --torch-device cpu is right")
    return choice


def name_of(dtype: torch.dtype) -> str:
    """'float32' for torch.float32."""
    return str(dtype).removeprefix("torch.")


def seconds_a_call(call: Callable[[], object], device: str, calls: int) -> float:
    """Of `calls` calls in a row, by the device's own clock where it has one.

    A GPU works behind the program's back: its events stand in its own queue.
    """
    if device == "cuda":
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000 / calls
    began = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - began) / calls
