# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Times several ways of doing the same, side by side.

In every round each of them runs once, in an order that is shuffled from round to round: whatever
else the machine does meets all of them alike, and none is always the one that runs on warm caches.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

from spread import spread
from tqdm import tqdm

Calls = Mapping[str, Callable[[], object]]


@dataclass
class SideBySide:
    """Seconds of each call by name, and why those that are missing are."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    processor_seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of all threads of this process: what other load on the machine hardly changes."""
    failed: dict[str, str] = field(default_factory=dict)

    def milliseconds(self) -> dict[str, dict[str, Any]]:
        """Median and quartiles of each in milliseconds; a sentence for one that failed.

        `processor` holds the same of the processor's time.
        """
        timed = {
            name: {
                **spread([1000 * value for value in values]),
                "processor": spread([1000 * value for value in self.processor_seconds[name]]),
            }
            for name, values in self.seconds.items()
            if values
        }
        return {**timed, **{name: {"failed": why} for name, why in self.failed.items()}}


def time_side_by_side(
    calls: Calls,
    *,
    rounds: int,
    label: str,
    longest: float = float("inf"),
    said: Callable[[SideBySide], None] = lambda _: None,
) -> SideBySide:
    """Run `calls` once to warm them up, then `rounds` times each.

    A call that raises is left out, with the reason. One whose second run took more than `longest`
    seconds keeps that one measurement (the first run of a size allocates, chooses kernels and
    compiles). `said` hears of every round when it is over.
    """
    result = SideBySide()
    order = []
    bar = tqdm(total=len(calls) * (rounds + 1), desc=label, unit="run")
    with bar:
        for name, call in calls.items():
            bar.set_postfix_str(f"warming up {name}")
            try:
                call()
            # Compilers and runtimes raise what they like, and the others are still to be measured.
            except Exception as error:
                result.failed[name] = _first_line(error)
                bar.total -= rounds
            else:
                order.append(name)
                result.seconds[name] = []
                result.processor_seconds[name] = []
            bar.update()
        shuffle = random.Random(0).shuffle
        for _ in range(rounds):
            shuffle(order)
            for name in list(order):
                bar.set_postfix_str(name)
                began, busy = perf_counter(), process_time()
                calls[name]()
                seconds = perf_counter() - began
                result.processor_seconds[name].append(process_time() - busy)
                result.seconds[name].append(seconds)
                if seconds > longest:
                    order.remove(name)
                bar.update()
            said(result)
    return result


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
