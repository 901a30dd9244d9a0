# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Marks, and the journal of what was marked, undone and forgotten."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from cosme_ros.adaptation.guard import MarkFigures


@dataclass(frozen=True, eq=False)
class Mark:
    """Places of one frame that are normal.

    Attributes:
        number: in the journal, from 1.
        when: time of the mark, ISO 8601 in UTC.
        who: for example "anna@vehicle7, /cosme_detector".
        camera: name of the camera; empty where there is one.
        stamp: of the frame, nanoseconds.
        source: what was marked, for example "alarms".
        forced: whether the guard was switched off.
        figures: of the guard.
        prototypes: `bank_<layer>` to float32 [k, C], rows of length 1.
        picture: JPEG of the marked part of the frame.
    """

    number: int
    when: str
    who: str
    camera: str
    stamp: int
    source: str
    forced: bool
    figures: MarkFigures
    prototypes: Mapping[str, NDArray[np.float32]]
    picture: bytes


@dataclass(frozen=True)
class Undone:
    """The mark with this number was taken back."""

    number: int
    when: str
    who: str


@dataclass(frozen=True)
class Forgotten:
    """All marks until now were taken back."""

    when: str
    who: str


Entry = Mark | Undone | Forgotten


@dataclass
class Journal:
    """What happened, in order. Nothing is ever removed from it."""

    entries: list[Entry] = field(default_factory=list)

    def active(self) -> tuple[Mark, ...]:
        """Return the marks that hold, the oldest first.

        Raises:
            ValueError: an entry takes back a mark that does not hold, or a number is wrong.
        """
        marks: list[Mark] = []
        highest = 0
        for entry in self.entries:
            if isinstance(entry, Mark):
                if entry.number != highest + 1:
                    raise ValueError(f"mark {entry.number} follows mark {highest}")
                highest = entry.number
                marks.append(entry)
            elif isinstance(entry, Undone):
                if not marks or marks[-1].number != entry.number:
                    raise ValueError(f"mark {entry.number} is undone and was not the newest")
                marks.pop()
            else:
                marks.clear()
        return tuple(marks)

    @property
    def next_number(self) -> int:
        """Return the number of the next mark."""
        return 1 + max((e.number for e in self.entries if isinstance(e, Mark)), default=0)


def adapted_banks(
    banks: Mapping[str, NDArray[np.float32]], marks: Sequence[Mark]
) -> dict[str, NDArray[np.float32]]:
    """Return a bundle's banks with the prototypes of the marks after their own.

    Without marks they are the bundle's own arrays, so that undoing all gives the old scores to the
    bit.

    Args:
        banks: `bank_<layer>` to float32 [K, C].
        marks: the oldest first.
    """
    adapted = {}
    for name, bank in banks.items():
        added = [m.prototypes[name] for m in marks if len(m.prototypes.get(name, ()))]
        adapted[name] = np.concatenate([bank, *added]) if added else bank
    return adapted


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def author(program: str) -> str:
    """Return who marks: user, machine and program."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for the user
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()}, {program}"
