# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The threads that work on frames, and the account of what became of each.

A frame is worked on in two steps: `detect`, the networks, and `finish`, all that follows them until
it is published. One thread does both, or a second finishes while the first is at the next frame.
"""

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from cosme_ros.streaming.frame_queue import FrameQueue, QueuedFrame
from cosme_ros.streaming.frame_statistics import FrameStatistics, Processed

Frame = TypeVar("Frame")
Detected = TypeVar("Detected")


class FrameWorker(Generic[Frame, Detected]):
    """Works on frames of one camera or several, from `start` until `close`.

    `statistics` are the cameras' by name, and count every frame. `detect` makes of a queued
    frame what `finish` needs; `finish` publishes and tells how it went, or returns None where
    `closing` kept it from publishing. Both may raise: `failed` then says under which reason the
    frame is counted, or None where it is no failure but the end. `deadline` is that of FrameQueue.

    With `overlap` a second thread finishes. It never holds more than one frame: while it is busy
    the first thread waits with what it has made, and newer frames displace those that wait. Every
    camera's frames are finished in the order in which they were begun.
    """

    def __init__(
        self,
        statistics: Mapping[str, FrameStatistics],
        *,
        detect: Callable[[QueuedFrame[Frame]], Detected],
        finish: Callable[[QueuedFrame[Frame], Detected], Processed | None],
        failed: Callable[[str, Exception], str | None],
        deadline: float = 0.0,
        overlap: bool = False,
    ) -> None:
        self._statistics = statistics
        self._detect = detect
        self._finish = finish
        self._failed = failed
        self._queue: FrameQueue[Frame] = FrameQueue(statistics, deadline=deadline)
        self._closing = threading.Event()
        self._detected: SimpleQueue[tuple[QueuedFrame[Frame], Detected] | None] = SimpleQueue()
        self._finisher_idle = threading.Semaphore(1)
        self._threads = [threading.Thread(target=self._begin_frames, name="detector")]
        self._overlap = overlap
        if overlap:
            self._threads.append(
                threading.Thread(target=self._finish_frames, name="detector_outputs")
            )

    @property
    def closing(self) -> bool:
        """Return whether nothing is to be published any more."""
        return self._closing.is_set()

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def offer(self, camera: str, frame: Frame) -> None:
        """Take a frame that has just arrived; never waits."""
        self._statistics[camera].receive()
        if self._queue.put(camera, frame) is not None:
            self._statistics[camera].drop()

    def close(self, timeout: float | None = None) -> bool:
        """End the threads. Frames that were not finished are counted as dropped.

        Args:
            timeout: seconds to wait for the frame under way; None waits for as long as it takes.

        Returns:
            Whether the threads have ended: then nothing is published any more for a frame that came
            before. False where the frame under way hangs.
        """
        self._closing.set()
        for camera in self._queue.close():
            self._statistics[camera].drop()
        end = None if timeout is None else monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:  # else it was never started
                thread.join(None if end is None else max(end - monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _begin_frames(self) -> None:
        while (queued := self._queue.take()) is not None:
            statistics = self._statistics[queued.camera]
            if queued.late:
                statistics.miss()
                continue
            statistics.begin()
            try:
                detected = self._detect(queued)
            except Exception as error:
                self._count_failure(queued, error)
                continue
            if not self._overlap:
                self._finish_frame(queued, detected)
                continue
            self._finisher_idle.acquire()
            if self.closing:
                statistics.abandon()
            else:
                self._detected.put((queued, detected))
        self._detected.put(None)

    def _finish_frames(self) -> None:
        while (given := self._detected.get()) is not None:
            self._finish_frame(*given)
            self._finisher_idle.release()

    def _finish_frame(self, queued: QueuedFrame[Frame], detected: Detected) -> None:
        try:
            processed = self._finish(queued, detected)
        except Exception as error:
            self._count_failure(queued, error)
            return
        if processed is None:
            self._statistics[queued.camera].abandon()
        else:
            self._statistics[queued.camera].process(processed)

    def _count_failure(self, queued: QueuedFrame[Frame], error: Exception) -> None:
        reason = self._failed(queued.camera, error)
        if reason is None:
            self._statistics[queued.camera].abandon()
        else:
            self._statistics[queued.camera].fail(reason)
