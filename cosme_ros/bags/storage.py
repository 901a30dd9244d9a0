# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a reader of one storage file gives, whatever its format."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

OnWarning = Callable[[str], object]
"""Takes a sentence about something that could not be read."""


@dataclass(frozen=True)
class StoredMessage:
    """A message as a storage file holds it."""

    topic: str
    message_type: str
    bag_time: int
    """Nanoseconds since the epoch."""
    data: bytes
    """CDR, perhaps compressed by zstd."""


@dataclass
class Contents:
    """What a storage file holds, as far as that is known before it is read."""

    topics: dict[str, str] = field(default_factory=dict)
    """Topic to message type."""
    counts: Counter[str] = field(default_factory=Counter)
    """Topic to number of messages."""
    first: int | None = None
    """Bag time of the earliest message, nanoseconds."""
    last: int | None = None

    def add(self, topic: str, message_type: str, bag_time: int) -> None:
        """Count a message."""
        self.topics[topic] = message_type
        self.counts[topic] += 1
        self.first = bag_time if self.first is None else min(self.first, bag_time)
        self.last = bag_time if self.last is None else max(self.last, bag_time)


class StorageFile(Protocol):
    """One open storage file."""

    @property
    def contents(self) -> Contents:
        """Return what the file holds."""

    def messages(self, topics: Collection[str], start: int) -> Iterator[StoredMessage]:
        """Yield the readable messages of `topics` from bag time `start` (ns) on."""

    def close(self) -> None:
        """Close the file."""


def reason_of(error: Exception) -> str:
    """Return the message of an exception as one sentence of at most 300 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if len(text) <= 300 else f"{text[:297]}..."
    return text if text.endswith(".") else f"{text}."
