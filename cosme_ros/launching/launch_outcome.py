# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How `ros2 launch` ends: with an exit code of 1 after a failure, and a last line with the reason.

Launch itself ends with 0 whatever its processes did, and shows no reason given to Shutdown. An
exception in an event handler is what makes it end with 1; raised while it starts something, it
leaves orphans behind. So a failure is kept until the last process has ended, and raised then.
"""

from collections.abc import Callable
from typing import Any

from launch import LaunchContext
from launch.action import Action
from launch.actions import EmitEvent, LogInfo, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessIO, OnProcessStart, OnShutdown
from launch.events import Shutdown


class LaunchError(Exception):
    """What was launched did not do what it was for; the sentence says why."""


class LaunchOutcome:
    """Stores the outcome, and reports it once every process has ended.

    `unfinished` is the failure of a launch that is shut down before `succeed` or `fail` was called;
    None where to be shut down is how it is meant to end. `handlers` have to be the first actions of
    the launch description, so that no process is missed.
    """

    def __init__(self, unfinished: Callable[[str], str] | None = None) -> None:
        self._unfinished = unfinished
        self._failure: str | None = None
        self._success: str | None = None
        self._alive: set[int] = set()
        self._last_lines: dict[str, str] = {}
        self._concluded = False

    def handlers(self) -> list[Action]:
        """Return what follows the processes."""
        return [
            RegisterEventHandler(handler)
            for handler in (
                OnShutdown(on_shutdown=self._on_shutdown),
                OnProcessExit(on_exit=self._on_exit),
                OnProcessStart(on_start=self._on_start),
                OnProcessIO(on_stderr=self._on_stderr),
            )
        ]

    def fail(self, reason: str) -> list[Action]:
        """Return what ends everything that was launched. The first reason counts."""
        self.remember_failure(reason)
        return [EmitEvent(event=Shutdown(reason=reason))]

    def remember_failure(self, reason: str) -> None:
        """Make launch end with 1 and this reason, whenever it ends."""
        if self._failure is None and self._success is None:
            self._failure = reason

    def succeed(self, sentence: str) -> list[Action]:
        """Return what ends everything that was launched, for it is done."""
        self._success = sentence
        return [EmitEvent(event=Shutdown(reason=sentence))]

    def describe_exit(self, event: Any) -> str:
        """Return how the process of a ProcessExited event ended, and its last line of errors."""
        if event.returncode < 0:
            return f"{event.process_name} was ended by signal {-event.returncode}"
        last = self._last_lines.get(event.process_name) if event.returncode else None
        ended = f"{event.process_name} ended with exit status {event.returncode}"
        return f"{ended}: {last}" if last else ended

    def _on_start(self, event: Any, _: LaunchContext) -> None:
        self._alive.add(event.pid)

    def _on_stderr(self, event: Any) -> None:
        lines = event.text.decode(errors="replace").split("\n")
        for line in reversed(lines):
            if line.strip():
                self._last_lines[event.process_name] = line.strip()
                return

    def _on_exit(self, event: Any, context: LaunchContext) -> list[Action]:
        self._alive.discard(event.pid)
        return self._conclude() if context.is_shutdown else []

    def _on_shutdown(self, event: Any, _: LaunchContext) -> list[Action]:
        if self._success is None and self._unfinished is not None:
            self.remember_failure(self._unfinished(event.reason))
        return self._conclude()

    def _conclude(self) -> list[Action]:
        if self._alive or self._concluded:
            return []
        self._concluded = True
        if self._failure is not None:
            raise LaunchError(self._failure)
        return [] if self._success is None else [LogInfo(msg=self._success)]
