# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What NVIDIA's driver says of the GPUs that this process may use."""

import ctypes

_DRIVER = "libcuda.so.1"


def gpu_count() -> int | None:
    """Return how many GPUs CUDA sees here; None where there is no driver."""
    try:
        cuda = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value
