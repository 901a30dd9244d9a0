# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where TensorRT keeps the engines that it builds for a bundle: minutes of work, worth keeping."""

import ctypes
import re
from pathlib import Path

from cosme_ros.inference.providers import ProviderError

_TENSORRT_LIBRARIES = ("libnvinfer.so.10", "libnvinfer.so.11", "libnvinfer.so.8")


def engine_cache_folder(bundle_path: Path, digest: str, device: int = 0) -> Path:
    """Return the folder beside the bundle's directory for this bundle, TensorRT version and GPU.

    An engine runs on the kind of GPU and with the version that built it, and on nothing else.

    Args:
        bundle_path: directory of the bundle.
        digest: `Bundle.digest`.
        device: number of the GPU.

    Raises:
        ProviderError: there is no TensorRT or no GPU.
    """
    resolved = bundle_path.resolve()
    name = engine_cache_name(digest, _tensorrt_version(), _gpu_name(device))
    return resolved.parent / f"{resolved.name}.engines" / name


def engine_cache_name(digest: str, tensorrt_version: str, gpu: str) -> str:
    """Return a folder name that differs whenever one of the three does."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{digest[:16]} tensorrt{tensorrt_version} {gpu}")


def _tensorrt_version() -> str:
    for name in _TENSORRT_LIBRARIES:
        try:
            return str(ctypes.CDLL(name).getInferLibVersion())
        except OSError:
            continue
    raise ProviderError("libnvinfer, TensorRT's library, is not found; install TensorRT")


def _gpu_name(number: int) -> str:
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise ProviderError("libcuda.so.1, the NVIDIA driver's library, is not found") from None
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    if (
        cuda.cuInit(0)
        or cuda.cuDeviceGet(ctypes.byref(device), number)
        or cuda.cuDeviceGetName(name, len(name), device)
    ):
        raise ProviderError("the NVIDIA driver reports no GPU")
    return name.value.decode()
