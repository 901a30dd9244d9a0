"""Hands frames from the thread that receives to the thread that works: the newest wins."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Room for one item. Putting a second one displaces the first, so nothing ever queues."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> T | None:
        """Offer `item`; returns what will never be taken: the item it displaced, None if there
        was none, or `item` itself once the slot is closed."""
        with self._changed:
            if self._closed:
                return item
            displaced, self._item = self._item, item
            self._changed.notify()
            return displaced

    def take(self) -> T | None:
        """Wait for an item and take it; None once the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> T | None:
        """End every present and future take(); returns the item that nobody took, if any."""
        with self._changed:
            self._closed = True
            item, self._item = self._item, None
            self._changed.notify_all()
            return item
