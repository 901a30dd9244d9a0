# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Processes that prepare batches for training."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import cv2

from training.errors import UsageError

Batch = TypeVar("Batch")


def start_worker(_: int) -> None:
    """Set a new worker up; its number does not matter."""
    # A forked process must not wait for its parent's OpenCV threads.
    cv2.setNumThreads(0)


def without_worker_traceback(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pass batches on; a worker's UsageError keeps its own sentence only.

    torch's DataLoader puts the worker's whole traceback into the message.
    """
    try:
        yield from batches
    except UsageError as error:
        raise UsageError(str(error).rstrip().rpartition("UsageError: ")[2]) from None
