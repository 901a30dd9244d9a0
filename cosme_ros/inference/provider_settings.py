# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is known of execution providers, their devices and threads without loading ONNX Runtime."""

import os
import re
from collections.abc import Mapping

PROVIDERS = ("tensorrt", "cuda", "openvino", "cpu")
"""In the order in which 'auto' tries them."""

WITH_DEVICES = ("tensorrt", "cuda")
"""Providers whose devices have numbers."""
DEVICE_ID = "device_id"
"""ONNX Runtime's name of that number."""

_PROCESSORS = re.compile(r"[0-9]+-[0-9]+|[0-9]+(,[0-9]+)*")


def check_affinity(affinity: str, threads: int) -> None:
    """Raise ValueError unless `affinity` places `threads` threads on processors of this machine."""
    parts = affinity.split(";")
    if threads < 2 or len(parts) != threads - 1:
        raise ValueError(
            f"thread_affinity {affinity!r} places {len(parts)} threads and threads is {threads}; "
            "a part for each thread but the first is right: '2' for 2 threads, '2;3' for 3"
        )
    processors = os.cpu_count() or 1
    for part in parts:
        if not _PROCESSORS.fullmatch(part):
            raise ValueError(
                f"thread_affinity {affinity!r}: {part!r} names no processors; '2', '2,3' or '2-3' "
                "would"
            )
        numbers = [int(number) for number in re.findall(r"[0-9]+", part)]
        if min(numbers) < 1 or max(numbers) > processors:
            raise ValueError(
                f"thread_affinity {affinity!r}: {part!r} is not among this machine's processors, "
                f"1 to {processors}"
            )


def with_device(own: Mapping[str, str], provider: str, device: int) -> dict[str, str]:
    """Return a provider's own options with the device that it is to run on.

    Args:
        own: its options so far; a device in them wins.
        provider: one of PROVIDERS.
        device: number of the GPU, from 0; 0 is every provider's own choice.

    Raises:
        ValueError: `device` is below 0, or the provider has no numbered devices.
    """
    if device < 0:
        raise ValueError(f"device is {device}; the number of a GPU, from 0, is right")
    if device == 0:
        return dict(own)
    if provider not in WITH_DEVICES:
        raise ValueError(
            f"device is {device}, but provider {provider} has no numbered devices; 0 is right "
            f"for it, and others are for {' and '.join(WITH_DEVICES)}"
        )
    return {DEVICE_ID: str(device), **own}


def check_device(device: int, count: int | None) -> None:
    """Raise ValueError where there is no such GPU; `count` None is an unknown number of them."""
    if count is not None and device >= count:
        gpus = "1 GPU, number 0" if count == 1 else f"{count} GPUs, numbers 0 to {count - 1}"
        raise ValueError(
            f"device is {device}, but there is {'no GPU' if not count else gpus}; nvidia-smi and "
            "the variable CUDA_VISIBLE_DEVICES say which there are"
        )
