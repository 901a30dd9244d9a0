# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What an attack is: a name, a share of the time, and what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Context:
    """What every attack is given.

    Attributes:
        folder: an empty folder of its own.
        seconds: how long to go on, about.
        seed: of every random choice.
        domain: a DDS domain of its own.
    """

    folder: Path
    seconds: float
    seed: int
    domain: int

    def random(self) -> np.random.Generator:
        """Return a generator that gives the same numbers for the same seed."""
        return np.random.default_rng(self.seed)

    def deadline(self) -> Callable[[], bool]:
        """Return a function that tells whether the time is used up."""
        end = time.monotonic() + self.seconds
        return lambda: time.monotonic() >= end


@dataclass
class Result:
    """What an attack found.

    Attributes:
        figures: what was counted and measured, by name.
        failures: a sentence for each thing that did not hold; empty where all held.
    """

    figures: dict[str, float | int | str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def check(self, holds: bool, sentence: str) -> None:
        """Note `sentence` as a failure unless `holds`; the same sentence once."""
        if not holds and sentence not in self.failures:
            self.failures.append(sentence)


Attack = Callable[[Context], Result]
