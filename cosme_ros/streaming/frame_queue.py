# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whose frame is next: of each camera the newest, and the camera first that was served longest ago.

One thread receives frames and puts them here, another takes them and works on them.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class QueuedFrame(Generic[T]):
    """A frame that was taken from the queue. Times are seconds of the monotonic clock."""

    camera: str
    frame: T
    arrived: float
    began: float
    late: bool
    """Older than the deadline when it was taken: not to be worked on."""


class FrameQueue(Generic[T]):
    """Holds one frame of each camera. A second one displaces the first.

    Among the cameras that have a frame, the one that was served longest ago comes first; at the
    start, in the order of `cameras`. So while a frame waits no other camera is served twice: of n
    cameras, a frame that is not displaced waits for the frame under way and n - 1 others at most,
    however fast they come.

    `deadline` is in seconds since arrival, 0.0 is none. A camera whose frame is late has not been
    served: it stays first, and its next frame waits for no more than what is under way.
    """

    def __init__(
        self,
        cameras: Iterable[str],
        *,
        deadline: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._deadline = deadline
        self._clock = clock
        self._changed = threading.Condition()
        self._order = list(cameras)  # the first was served longest ago
        self._waiting: dict[str, tuple[T, float]] = {}
        self._closed = False

    def put(self, camera: str, frame: T) -> T | None:
        """Add a frame that has just arrived.

        Returns:
            The frame that will never be taken: the one displaced, None if there was none, or
            `frame` itself once the queue is closed.
        """
        with self._changed:
            if self._closed:
                return frame
            displaced = self._waiting.get(camera)
            self._waiting[camera] = (frame, self._clock())
            self._changed.notify()
            return None if displaced is None else displaced[0]

    def take(self) -> QueuedFrame[T] | None:
        """Wait for a frame and take it; None once all is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            camera = next(camera for camera in self._order if camera in self._waiting)
            frame, arrived = self._waiting.pop(camera)
            now = self._clock()
            late = 0.0 < self._deadline < now - arrived
            if not late:
                self._order.remove(camera)
                self._order.append(camera)
            return QueuedFrame(camera, frame, arrived, now, late)

    def close(self) -> dict[str, T]:
        """End every present and future take(); returns the frames that nobody took, by camera."""
        with self._changed:
            self._closed = True
            left = {camera: frame for camera, (frame, _) in self._waiting.items()}
            self._waiting.clear()
            self._changed.notify_all()
            return left
