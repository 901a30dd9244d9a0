# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Processes that live and die together: started, watched and ended by one that is responsible."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

LAST_LINES = 12  # of a log, that a failure shows
TERMINATION_SECONDS = 5.0  # between asking a process to end and insisting


class ChildError(Exception):
    """A child process failed; the text holds the last lines of its log."""


@dataclass(frozen=True)
class Child:
    """A process that was started here, with the file of its output."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def last_lines(self) -> str:
        """Return the end of its log, indented."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"


class ChildProcesses(AbstractContextManager["ChildProcesses"]):
    """A context manager: on its exit, however that comes about, every child is ended.

    Children get a session of their own, so that a Ctrl-C in the terminal reaches them through here
    only, once and in order. Each one's output goes to `<logs>/<name>.log`.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._children: list[Child] = []
        self._done: set[str] = set()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_module(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Run `python -m module arguments` with this interpreter, as the child `name`."""
        return self.start(name, [sys.executable, "-m", module, *arguments])

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Run `command`, as the child `name`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def wait_for(self, child: Child, timeout: float) -> None:
        """Wait until `child` ends well, at most `timeout` seconds.

        Raises ChildError when it fails or takes too long, and when another child that has not been
        waited for ends before it: that one was there to serve.
        """
        deadline = monotonic() + timeout
        while True:
            code = child.process.poll()
            if code == 0:
                self._done.add(child.name)
                return
            if code is not None:
                raise ChildError(self._with_logs(f"{child.name} {_ended(code)}", child))
            for other in self._children:
                other_code = other.process.poll()
                if other is child or other.name in self._done or other_code is None:
                    continue
                sentence = f"{other.name} {_ended(other_code)}, while {child.name} needs it"
                raise ChildError(self._with_logs(sentence, other))
            if monotonic() > deadline:
                raise ChildError(
                    self._with_logs(f"{child.name} is not done after {timeout:.0f} s", child)
                )
            sleep(0.05)

    def stop(self) -> None:
        """End all children: politely, then firmly. The last started goes first.

        Another Ctrl-C meanwhile is not heard: it would leave the rest of them alive.
        """
        with _signals_blocked():
            for child in reversed(self._children):
                _end(child)
            self._children.clear()

    def _with_logs(self, sentence: str, failed: Child) -> str:
        """Return the sentence, and the last lines of the failed's log, then of the others'."""
        lines = [sentence]
        for child in (failed, *(child for child in self._children if child is not failed)):
            lines += [f"{child.name} said last ({child.log}):", child.last_lines()]
        return "\n".join(lines)


def _end(child: Child) -> None:
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if child.process.poll() is not None:
            return
        os.killpg(child.process.pid, request)
        try:
            child.process.wait(TERMINATION_SECONDS)
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait until the block has ended."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return f"ended with exit status {code}"
