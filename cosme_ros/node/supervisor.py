# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A thread beside the executor: diagnostics that nothing can silence, and an end that always comes.

It goes by the monotonic clock. A timer of the node's goes by ROS time, which stands still without
/clock, and jumps with the system's clock; and it waits for whatever the executor is at.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

HANGING = 70
"""Exit status of a process that hung (EX_SOFTWARE): launch starts it again."""
HANG_TIMEOUT = 3.0
"""Seconds that the frame under way has to end, once the process is asked to end."""
_END_TIMEOUT = 4.0
"""Seconds that everything has to end, once the process is asked to."""
_WATCH_PERIOD = 1.0
"""Seconds between two calls of `watch`."""
_STEP = 0.1
"""Seconds between two looks at whether the process is asked to end."""


class Supervisor:
    """Calls `publish` and `watch` again and again, until `silence`; ends what does not end.

    From the moment that the context is shut down, by a signal or by the process itself, the process
    has _END_TIMEOUT seconds to go: then it is ended with HANGING, whatever it waits for.

    Args:
        context: the node's.
        period: of `publish`, in seconds.
        publish: called in this object's thread. What it raises is logged.
        watch: the same, every second.
        wake: the executor. A signal may wake it before the context is shut down: then it waits
            again, and without a timer of its own nothing else would wake it.
        logger: the node's.
    """

    def __init__(
        self,
        context: Any,
        period: float,
        *,
        publish: Callable[[], None],
        watch: Callable[[], None],
        wake: Callable[[], None],
        logger: Any,
    ) -> None:
        self._context = context
        self._repeated = ((publish, period), (watch, _WATCH_PERIOD))
        self._wake = wake
        self._logger = logger
        self._calling = threading.Lock()
        self._silent = False
        # A daemon: it watches until the very end of the process, and does not keep it alive.
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def silence(self) -> None:
        """Call nothing more and wake nobody. The end is still watched.

        Returns when nothing is being called.
        """
        with self._calling:
            self._silent = True

    def _watch(self) -> None:
        due = [monotonic()] * len(self._repeated)
        asked_to_end: float | None = None
        while True:
            now = monotonic()
            if not self._context.ok():
                asked_to_end = now if asked_to_end is None else asked_to_end
                if now - asked_to_end >= _END_TIMEOUT:
                    end_hanging_process(None, f"asked to end, it has not in {_END_TIMEOUT:g} s")
                if not self._silent:
                    self._wake()
            else:
                for place, (call, period) in enumerate(self._repeated):
                    if now >= due[place]:
                        self._call(call)
                        due[place] = max(due[place] + period, monotonic())
            # Relative and monotonic in every version of Python; a lock's timeout goes by the
            # system's clock before 3.11.
            left = max(min(due) - monotonic(), 0.001)
            sleep(min(_STEP, left) if asked_to_end is None else _STEP)

    def _call(self, call: Callable[[], None]) -> None:
        with self._calling:
            if self._silent:
                return
            try:
                call()
            except Exception:
                if self._context.ok():  # else the publisher went with it
                    self._logger.error(f"{call.__name__} failed: {traceback.format_exc()}")


def end_hanging_process(logger: Any | None, reason: str) -> None:
    """End the process at once with HANGING. `logger` is None where ROS is shut down already.

    Neither threads nor exit handlers are waited for: one of them is what hangs.
    """
    sentence = f"the process ends with status {HANGING}: {reason}"
    if logger is None:
        print(f"cosme_detector: {sentence}", file=sys.stderr)
    else:
        logger.fatal(sentence)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(HANGING)
