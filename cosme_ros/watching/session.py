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

from cosme_ros.health.state import FrameHealth
from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.postprocessing.static_mask import visible_values
from cosme_ros.sources.interface import Frame
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.frame_outputs import RequestedOutputs, compute_outputs
from cosme_ros.visualization.panels import jpeg
from cosme_ros.watching.conditions import Conditions

_SHOWN_WIDTH = 1280  # pixels; a page shows no more, and a wider JPEG takes longer than the networks
_RATE_WINDOW = 30  # frames
WORST_MOMENTS = 8
_APART = 2_000_000_000  # nanoseconds between two moments


@dataclass(frozen=True)
class Moment:
    """A frame and what was detected in it: what is drawn follows the threshold of now."""

    frame: Frame
    seconds: float
    """Since the first frame."""
    detection: Detection
    health: FrameHealth
    raw_peak: float
    """The highest raw score that is looked at."""


class WatchSession:
    """Runs the detector and holds the newest overlay. `run` in one thread, all else in any.

    Args:
        detector: its threshold follows `set_rate`.
        rule: what makes an obstacle.
        temporal: one of `parameters.TEMPORAL`.
        out_of_domain: one of `parameters.OUT_OF_DOMAIN`.
    """

    def __init__(
        self,
        detector: Detector,
        rule: ObstacleRule,
        *,
        temporal: str,
        out_of_domain: str = Settings.out_of_domain,
    ) -> None:
        self._detector = detector
        self._rule = rule
        self._temporal = temporal
        self._out_of_domain = out_of_domain
        self._conditions = Conditions(detector.bundle, rule.static_mask)
        self._newest: Moment | None = None
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._state: dict[str, Any] = {"status": "starting"}
        self._worst: list[Moment] = []
        self._ended = False
        self._at_end = False
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
            began += self._wait_while_paused()
            if not live:
                began = self._pace(began, seconds / speed)
            if self._ended:
                return
            started = time.monotonic()
            try:
                detection = stream.detect(frame.image, frame.stamp)
                self._show(frame, seconds, detection, started)
            except ScoreFault as error:
                self._note(frame, seconds, {"status": "fault", "message": str(error)})
        with self._changed:
            self._at_end = True
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
        self._redraw()

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
                    {
                        "index": m.frame.index,
                        "seconds": m.seconds,
                        "peak": m.raw_peak / self._detector.threshold,
                    }
                    for m in self._worst
                ],
            }

    def moment(self, index: int) -> bytes | None:
        """Return the JPEG of one of the worst moments, by its frame's index."""
        with self._changed:
            moment = next((m for m in self._worst if m.frame.index == index), None)
        return None if moment is None else self._drawn(moment)[0]

    def next_jpeg(self, after: int) -> tuple[int, bytes] | None:
        """Wait for an overlay newer than number `after`; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._ended)
            return None if self._ended else (self._number, self._jpeg)

    def _wait_while_paused(self) -> float:
        """Return how many seconds it took."""
        paused_at = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: not self._paused.is_set() or self._ended)
        return time.monotonic() - paused_at

    def _pace(self, began: float, due: float) -> float:
        """Wait until a frame is due; return when the first frame would have been shown."""
        with self._changed:
            wait = began + due - time.monotonic()
            if wait > 0:
                self._changed.wait_for(lambda: self._ended, timeout=wait)
            return began if wait > 0 else time.monotonic() - due

    def _show(self, frame: Frame, seconds: float, detection: Detection, started: float) -> None:
        health, sentence = self._conditions.update(frame, detection)
        peak = float(visible_values(detection.raw_score_grid, self._rule.static_mask).max())
        moment = Moment(frame, seconds, detection, health, peak)
        picture, state = self._drawn(moment)
        now = time.monotonic()
        self._durations.append(now - started)
        self._ends.append(now)
        span = self._ends[-1] - self._ends[0]
        self._note(
            frame,
            seconds,
            {
                **state,
                "diagnostics": sentence,
                "frames_a_second": (len(self._ends) - 1) / span if span > 0 else None,
                "milliseconds": 1000 * float(np.median(self._durations)),
            },
            picture,
        )
        with self._changed:
            self._newest = moment
        self._keep(moment)

    def _drawn(self, moment: Moment) -> tuple[bytes, dict[str, Any]]:
        """Return the overlay of a moment at the threshold of now, as JPEG, and its state."""
        threshold = self._detector.threshold
        outputs = compute_outputs(
            moment.detection.with_threshold(threshold),
            moment.frame.image,
            RequestedOutputs(score=False, mask=True, overlay=True, obstacles=True),
            rule=self._rule,
            provider=self._detector.provider,
            health=moment.health,
            out_of_domain=self._out_of_domain,
        )
        assert outputs.overlay is not None
        status = message = ""
        if outputs.mask_withheld:
            status, message = "no road", "no drivable area: the mask is withheld"
        elif outputs.out_of_domain:
            status, message = "out of domain", "the mask is withheld"
        return jpeg(_shrunk(outputs.overlay)), {
            "status": status or "running",
            "message": message,
            "peak": moment.raw_peak / threshold,
            "obstacles": None if outputs.obstacles is None else len(outputs.obstacles),
        }

    def _redraw(self) -> None:
        """Draw the newest frame again where no other follows that would show the threshold."""
        with self._changed:
            moment = self._newest
            if moment is None or not (self._at_end or self._paused.is_set()):
                return
        picture, state = self._drawn(moment)
        with self._changed:
            if moment is self._newest:
                status = "ended" if self._at_end else state["status"]
                self._state = {**self._state, **state, "status": status}
                self._jpeg = picture
                self._number += 1
                self._changed.notify_all()

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
            stamp = moment.frame.stamp
            near = [m for m in self._worst if abs(m.frame.stamp - stamp) < _APART]
            if any(m.raw_peak >= moment.raw_peak for m in near):
                return
            kept = [m for m in self._worst if not any(m is n for n in near)]
            self._worst = sorted([*kept, moment], key=lambda m: -m.raw_peak)[:WORST_MOMENTS]


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width <= _SHOWN_WIDTH:
        return picture
    size = (_SHOWN_WIDTH, round(height * _SHOWN_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
