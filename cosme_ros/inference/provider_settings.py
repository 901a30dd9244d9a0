# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is known of execution providers and their threads without loading ONNX Runtime."""

import os
import re

PROVIDERS = ("tensorrt", "cuda", "openvino", "cpu")
"""In the order in which 'auto' tries them."""

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
