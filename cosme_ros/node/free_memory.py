# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Returns memory to the system that frames left behind which were not like the others.

`malloc_settings` keeps what a frame frees for the next frame: ordinary frames are alike, and what
one leaves serves the next. Broken frames are of all sizes. What they leave is scattered, serves
nobody, and adds up to tens of megabytes.
"""

import ctypes
from collections.abc import Callable
from time import monotonic

PERIOD = 30.0
"""Seconds between two returns. One takes some milliseconds, in which frames may wait."""


def malloc_trim() -> None:
    """Return all free pages of malloc's to the system; nothing without glibc."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return
    trim(0)


class FreeMemory:
    """Asked now and then, from one thread.

    Args:
        trim: returns the memory.
        clock: in seconds.
    """

    def __init__(
        self, trim: Callable[[], None] = malloc_trim, clock: Callable[[], float] = monotonic
    ) -> None:
        self._trim = trim
        self._clock = clock
        self._failed = 0
        self._returned = clock() - PERIOD

    def see(self, failed: int) -> None:
        """Return memory if frames have failed since it was last returned, PERIOD ago or more.

        Args:
            failed: number of frames that failed since activation; it begins again at 0.
        """
        now = self._clock()
        if failed < self._failed:
            self._failed = 0
        if failed == self._failed or now - self._returned < PERIOD:
            return
        self._failed, self._returned = failed, now
        self._trim()
