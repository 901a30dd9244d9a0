# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Says a repeated complaint once in a while, and how often it was kept back."""

import threading
from collections.abc import Callable
from time import monotonic


class LogThrottle:
    """Lets one complaint of each kind through in `period` seconds, the first at once.

    A logger's own throttle goes by the line of code, which would hide a second kind of complaint
    behind the first. May be called from any thread.
    """

    def __init__(self, period: float, clock: Callable[[], float] = monotonic) -> None:
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._last_said: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def admit(self, kind: str) -> int | None:
        """How many of this kind were kept back since the last one let through; None: keep back."""
        with self._lock:
            now = self._clock()
            if kind in self._last_said and now - self._last_said[kind] < self._period:
                self._kept_back[kind] += 1
                return None
            kept_back = self._kept_back.get(kind, 0)
            self._last_said[kind] = now
            self._kept_back[kind] = 0
            return kept_back
