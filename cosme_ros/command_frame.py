# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The frame around every command of both halves: signals, exit statuses, errors in one sentence.

| exit status | meaning |
|---|---|
| 0 | the work is done |
| 1 | the work failed; standard error says why in one sentence |
| 2 | the command was called wrongly (an option, or a value that cannot be) |
| 130 | ended by Ctrl-C, SIGTERM or a closed terminal; what was finished until then is valid |
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.missing_packages import sentence

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(Exception):
    """What was asked for cannot be done; the message names the value and what would be right."""


class Interrupted(Exception):  # noqa: N818 (Ctrl-C is no error)
    """Ctrl-C during long work; the message says what was saved and how to go on."""


def run_command(
    name: str, command: Callable[[], int | None], failures: tuple[type[Exception], ...] = ()
) -> int:
    """Run a command and return its exit status.

    Args:
        name: of the command, before each error.
        command: does the work; returns its exit status, None for DONE.
        failures: exceptions whose text is the whole error.

    Returns:
        One of DONE, FAILED, USAGE and INTERRUPTED, or what `command` returned.

    >>> run_command("measure", lambda: None)
    0
    """
    try:
        with ending_signals_interrupt():
            return command() or DONE
    except UsageError as error:
        return _end(f"{name}: {error}", USAGE)
    except failures as error:
        return _end(f"{name}: {error}", FAILED)
    except ModuleNotFoundError as error:
        missing = sentence(error)
        if missing is None:
            raise
        return _end(f"{name}: {missing}", FAILED)
    except Interrupted as interruption:
        return _end(f"\n{name}: interrupted: {interruption}", INTERRUPTED)
    except KeyboardInterrupt:
        return _end(f"\n{name}: interrupted", INTERRUPTED)


@contextmanager
def ending_signals_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP too, while the block runs."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled_signals(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def handled_signals(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Give these signals to `handler` while the block runs, if this is the main thread."""
    try:
        previous = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # another thread: Python gives it no signals
        previous = {}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def _end(text: str, status: int) -> int:
    # Lines of our own stay lines; names of files and topics may hold anything else.
    lines = (printable(line, MOST_OF_A_SENTENCE) for line in text.split("\n"))
    print("\n".join(lines), file=sys.stderr)
    return status
