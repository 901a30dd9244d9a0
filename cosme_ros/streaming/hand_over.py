# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From one thread to the next, one item at a time: who gives waits for who takes."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """Room for one item, which is taken up until the one who takes comes for the next.

    So nothing queues between the two: an item waits in the hands of who gives it, who can take in
    nothing new meanwhile.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._busy = False
        self._closed = False

    def give(self, item: T) -> bool:
        """Wait until the item before is done with; False, without `item`, once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy or self._closed)
            if self._closed:
                return False
            self._item, self._busy = item, True
            self._changed.notify_all()
            return True

    def take(self) -> T | None:
        """Be done with the item before, wait for the next; None once it is closed."""
        with self._changed:
            self._busy = self._item is not None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> T | None:
        """End every present and future give() and take(); returns the item nobody took, if any."""
        with self._changed:
            self._closed = True
            item, self._item = self._item, None
            self._changed.notify_all()
            return item
