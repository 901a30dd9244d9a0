# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The threads that work on frames, and the account of what became of each.

A frame is worked on in two steps: `detect`, the networks, and `finish`, all that follows them until
it is published. One thread does both, or a second finishes while the first is at the next frame.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from cosme_ros.streaming.frame_queue import FrameQueue, QueuedFrame
from cosme_ros.streaming.frame_statistics import FrameStatistics, Processed
from cosme_ros.streaming.hand_over import HandOver

Frame = TypeVar("Frame")
Detected = TypeVar("Detected")


class FrameWorker(Generic[Frame, Detected]):
    """Works on frames of one camera or several, from `start` until `close`.

    `statistics` are the cameras' by name, and are told of every frame. `detect` makes of a turn
    what `finish` needs; `finish` publishes and tells how it went, or returns None where `closing`
    kept it from publishing. Both may raise: `failed` then says under which reason the frame is
    counted, or None where it is no failure but the end. `deadline` is that of FrameQueue.

    With `overlap` a second thread finishes. It never holds more than one frame: while it is busy
    the first thread waits with what it has made, and newer frames displace those that wait for a
    turn. Every camera's frames are finished in the order in which they were begun.
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
        self._turns: FrameQueue[Frame] = FrameQueue(statistics, deadline=deadline)
        self._closing = threading.Event()
        self._hand_over: HandOver[tuple[QueuedFrame[Frame], Detected]] | None = None
        self._threads = [threading.Thread(target=self._begin_frames, name="detector")]
        if overlap:
            self._hand_over = HandOver()
            self._threads.append(
                threading.Thread(
                    target=self._finish_frames, args=(self._hand_over,), name="detector_outputs"
                )
            )

    @property
    def closing(self) -> bool:
        """Whether nothing is to be published any more."""
        return self._closing.is_set()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def offer(self, camera: str, frame: Frame) -> None:
        """A frame that has just arrived; never waits."""
        self._statistics[camera].receive()
        if self._turns.put(camera, frame) is not None:
            self._statistics[camera].drop()

    def close(self) -> None:
        """End the threads. Afterwards nothing is published for a frame that came before; those that
        were not finished are counted as dropped."""
        self._closing.set()
        for camera in self._turns.close():
            self._statistics[camera].drop()
        if self._hand_over is not None and (left := self._hand_over.close()) is not None:
            self._statistics[left[0].camera].drop()
        for thread in self._threads:
            if thread.ident is not None:  # else it was never started
                thread.join()

    def _begin_frames(self) -> None:
        while (turn := self._turns.take()) is not None:
            if turn.late:
                self._statistics[turn.camera].miss()
                continue
            try:
                detected = self._detect(turn)
            except Exception as error:
                self._count_failure(turn, error)
                continue
            if self._hand_over is None:
                self._finish_frame(turn, detected)
            elif not self._hand_over.give((turn, detected)):
                self._statistics[turn.camera].drop()

    def _finish_frames(self, hand_over: HandOver[tuple[QueuedFrame[Frame], Detected]]) -> None:
        while (given := hand_over.take()) is not None:
            self._finish_frame(*given)

    def _finish_frame(self, turn: QueuedFrame[Frame], detected: Detected) -> None:
        try:
            processed = self._finish(turn, detected)
        except Exception as error:
            self._count_failure(turn, error)
            return
        if processed is None:
            self._statistics[turn.camera].drop()
        else:
            self._statistics[turn.camera].process(processed)

    def _count_failure(self, turn: QueuedFrame[Frame], error: Exception) -> None:
        reason = self._failed(turn.camera, error)
        if reason is None:
            self._statistics[turn.camera].drop()
        else:
            self._statistics[turn.camera].fail(reason)
