# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node's log: throttled warnings, and the log of the ROS-free packages."""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any


class LogThrottle:
    """Lets one message of each kind through in `period` seconds, the first at once.

    A logger's own throttle goes by the line of code, which would hide a second kind of message
    behind the first. May be called from any thread.
    """

    def __init__(self, period: float, clock: Callable[[], float] = monotonic) -> None:
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._last_logged: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def admit(self, kind: str) -> int | None:
        """Return how many of this kind were suppressed since the last; None: suppress this one."""
        with self._lock:
            now = self._clock()
            if kind in self._last_logged and now - self._last_logged[kind] < self._period:
                self._suppressed[kind] += 1
                return None
            suppressed = self._suppressed.get(kind, 0)
            self._last_logged[kind] = now
            self._suppressed[kind] = 0
            return suppressed


class LogBridge(logging.Handler):
    """Passes what the ROS-free part logs, as which provider runs and why, to a node's logger."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of Python's logging by rclpy, with its severity."""
        write_log(self._logger, record.levelno, record.getMessage())


def write_log(logger: Any, severity: int, sentence: str) -> None:
    """Log a sentence by rclpy, with a severity of Python's logging."""
    # One line of code a severity: rclpy forbids changing it.
    if severity >= logging.ERROR:
        logger.error(sentence)
    elif severity >= logging.WARNING:
        logger.warning(sentence)
    else:
        logger.info(sentence)
