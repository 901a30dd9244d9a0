# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A detector on the frames of a source, one after the other, and what a page shows of it."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.postprocessing.static_mask import visible_values
from cosme_ros.sources.interface import Frame
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.frame_outputs import RequestedOutputs, compute_outputs
from cosme_ros.visualization.panels import jpeg

_SHOWN_WIDTH = 1280  # pixels; a page shows no more, and a wider JPEG takes longer than the networks
_RATE_WINDOW = 30  # frames
WORST_MOMENTS = 8
_APART = 2_000_000_000  # nanoseconds between two moments


@dataclass(frozen=True)
class Moment:
    """One of the frames with the highest peaks."""

    index: int
    seconds: float
    stamp: int
    peak: float
    jpeg: bytes


class WatchSession:
    """Runs the detector and holds the newest overlay. `run` in one thread, all else in any.

    Args:
        detector: its threshold follows `set_rate`.
        rule: what makes an obstacle.
        temporal: one of `parameters.TEMPORAL`.
    """

    def __init__(self, detector: Detector, rule: ObstacleRule, *, temporal: str) -> None:
        self._detector = detector
        self._rule = rule
        self._temporal = temporal
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._state: dict[str, Any] = {"status": "starting"}
        self._worst: list[Moment] = []
        self._ended = False
        self._paused = threading.Event()
        self._durations: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._ends: deque[float] = deque(maxlen=_RATE_WINDOW)
        self.rate = detector.bundle.calibration.rate(detector.threshold)
        """False-positive rate that the alarm threshold stands for now."""

    def run(self, frames: Iterable[Frame], *, live: bool, speed: float = 1.0) -> None:
        """Detect in every frame; not faster than the frames' stamps, times `speed`.

        A live source sets the pace itself. Ends with the frames, or after `stop`.
        """
        stream = CameraStream(self._detector, temporal=self._temporal)
        first: int | None = None
        began = time.monotonic()
        for frame in frames:
            if first is None:
                first = frame.stamp
            seconds = (frame.stamp - first) * 1e-9
            if not live:
                began = self._pace(began, seconds / speed)
            if self._ended:
                return
            started = time.monotonic()
            try:
                detection = stream.detect(frame.image, frame.stamp)
            except ScoreFault as error:
                self._note(frame, seconds, {"status": "fault", "message": str(error)})
                continue
            self._show(frame, seconds, detection, started)
        with self._changed:
            self._state = {**self._state, "status": "ended"}
            self._changed.notify_all()

    def stop(self) -> None:
        """End `run` and all streams."""
        with self._changed:
            self._ended = True
            self._paused.clear()
            self._changed.notify_all()

    def pause(self, paused: bool) -> None:
        """Pause the frames, or resume them."""
        (self._paused.set if paused else self._paused.clear)()
        with self._changed:
            self._changed.notify_all()

    def set_rate(self, false_positive_rate: float) -> None:
        """Move the alarm threshold. Raises ValueError for a rate outside the calibration."""
        bundle = self._detector.bundle
        rate = bundle.rate(false_positive_rate)
        self._detector.threshold = bundle.calibration.threshold(rate)
        self.rate = rate

    def state(self) -> dict[str, Any]:
        """Return what the page shows beside the picture, as JSON takes it."""
        lowest, highest = self._detector.bundle.calibration.rates
        with self._changed:
            return {
                **self._state,
                "paused": self._paused.is_set(),
                "bundle": self._detector.bundle.name,
                "provider": self._detector.provider,
                "false_positive_rate": self.rate,
                "rates": [lowest, highest],
                "worst": [
                    {"index": m.index, "seconds": m.seconds, "peak": m.peak} for m in self._worst
                ],
            }

    def moment(self, index: int) -> bytes | None:
        """Return the JPEG of one of the worst moments, by its frame's index."""
        with self._changed:
            return next((m.jpeg for m in self._worst if m.index == index), None)

    def next_jpeg(self, after: int) -> tuple[int, bytes] | None:
        """Wait for an overlay newer than number `after`; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._ended)
            return None if self._ended else (self._number, self._jpeg)

    def _pace(self, began: float, due: float) -> float:
        """Wait until a frame is due; return when the first frame would have been shown."""
        with self._changed:
            if self._paused.is_set():
                paused_at = time.monotonic()
                self._changed.wait_for(lambda: not self._paused.is_set() or self._ended)
                began += time.monotonic() - paused_at
            wait = began + due - time.monotonic()
            if wait > 0:
                self._changed.wait_for(lambda: self._ended, timeout=wait)
            return began if wait > 0 else time.monotonic() - due

    def _show(self, frame: Frame, seconds: float, detection: Detection, started: float) -> None:
        outputs = compute_outputs(
            detection,
            frame.image,
            RequestedOutputs(score=False, mask=True, overlay=True, obstacles=True),
            rule=self._rule,
            provider=self._detector.provider,
        )
        assert outputs.overlay is not None
        now = time.monotonic()
        self._durations.append(now - started)
        self._ends.append(now)
        span = self._ends[-1] - self._ends[0]
        peak = float(visible_values(detection.score_grid, self._rule.static_mask).max())
        picture = jpeg(_shrunk(outputs.overlay))
        withheld = outputs.mask_withheld
        state = {
            "status": "no road" if withheld else "running",
            "message": "no drivable area: the mask is withheld" if withheld else "",
            "peak": peak,
            "obstacles": None if outputs.obstacles is None else len(outputs.obstacles),
            "frames_a_second": (len(self._ends) - 1) / span if span > 0 else None,
            "milliseconds": 1000 * float(np.median(self._durations)),
        }
        self._note(frame, seconds, state, picture)
        self._keep(Moment(frame.index, seconds, frame.stamp, peak, picture))

    def _note(
        self,
        frame: Frame,
        seconds: float,
        state: dict[str, Any],
        picture: bytes | None = None,
    ) -> None:
        with self._changed:
            self._state = {"index": frame.index, "seconds": seconds, **state}
            if picture is not None:
                self._jpeg = picture
                self._number += 1
            self._changed.notify_all()

    def _keep(self, moment: Moment) -> None:
        """Keep the moments with the highest peaks, none within _APART of a higher one."""
        with self._changed:
            near = [m for m in self._worst if abs(m.stamp - moment.stamp) < _APART]
            if any(m.peak >= moment.peak for m in near):
                return
            kept = [m for m in self._worst if m not in near]
            self._worst = sorted([*kept, moment], key=lambda m: -m.peak)[:WORST_MOMENTS]


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width <= _SHOWN_WIDTH:
        return picture
    size = (_SHOWN_WIDTH, round(height * _SHOWN_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
