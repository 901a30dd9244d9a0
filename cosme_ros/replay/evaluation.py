# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judges recorded outputs of the detector: against labels, and against the detector itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bags.reading import LabelledFrame
from cosme_ros.inference.detector import Detector
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram, AnomalyMetrics
from cosme_ros.replay.recording import Output


@dataclass(frozen=True)
class PixelResult:
    """What one way of judging counted."""

    metrics: AnomalyMetrics | None
    """None when no labels were recorded, or labels of one kind only."""
    frames: int
    """With labels."""
    normal_pixels: int
    anomalous_pixels: int


@dataclass(frozen=True)
class ReplayResult:
    """Of one replay. Pixels that are labelled neither normal nor anomalous are not judged."""

    published: PixelResult
    """Frames that have a result, each judged by its own."""
    mulmem: PixelResult
    auxcon: PixelResult
    """Of `Detector.detect` on the pictures of those frames: the node publishes neither."""
    offline: PixelResult
    """All frames that were played, by `Detector.detect`: what no latency and no dropped frame
    would give."""
    latency_aware: PixelResult
    """All frames that were played, each judged by the newest result there was at its moment."""
    frames_before_first_result: int
    """Of `latency_aware`, judged by a score of 0 everywhere."""
    published_equals_detector: bool
    """Whether every published score is `Detector.detect`'s to the bit."""
    largest_difference: float
    """Between the two, over all pixels; 0 when they are equal."""


class Evaluation:
    """Pools frames; a detector of the same bundle and settings gives what was not published."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        ways = ("published", "mulmem", "auxcon", "offline", "latency_aware")
        self._pools = {way: _Pool() for way in ways}
        """By the fields of ReplayResult."""
        self._before_first_result = 0
        self._equal = True
        self._difference = 0.0

    def add(self, output: Output) -> None:
        """Add a frame with a result."""
        detection = self._detector.detect(output.image)
        if not np.array_equal(detection.score, output.score):
            self._equal = False
            difference = float(np.max(np.abs(detection.score - output.score)))
            self._difference = max(self._difference, difference)
        if output.label is None:
            return
        self._pools["published"].add(output.score, output.label)
        self._pools["mulmem"].add(detection.mulmem, output.label)
        self._pools["auxcon"].add(detection.auxcon, output.label)
        self._pools["offline"].add(detection.score, output.label)

    def add_unanswered(self, frame: LabelledFrame) -> None:
        """Add a frame that was played and has no result."""
        if frame.label is not None:
            self._pools["offline"].add(self._detector.detect(frame.image).score, frame.label)

    def add_latency_aware(
        self, label: NDArray[np.uint8], newest: NDArray[np.float32] | None
    ) -> None:
        """Add a frame with the newest score at its moment.

        Args:
            label: uint8 [H, W].
            newest: float32 [H, W]; None before the first result, which counts as 0 everywhere.

        Raises:
            ValueError: the sizes differ.
        """
        if newest is None:
            self._before_first_result += 1
            newest = np.zeros(label.shape, np.float32)
        self._pools["latency_aware"].add(newest, label)

    def result(self) -> ReplayResult:
        """Return the figures of all frames that were added."""
        return ReplayResult(
            **{way: pool.result() for way, pool in self._pools.items()},
            frames_before_first_result=self._before_first_result,
            published_equals_detector=self._equal,
            largest_difference=self._difference,
        )


class _Pool:
    def __init__(self) -> None:
        self._histogram = AnomalyHistogram()
        self._frames = 0

    def add(self, score: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
        if score.shape != label.shape:
            raise ValueError(
                f"a score of {score.shape[1]}x{score.shape[0]} pixels is to be judged by labels of "
                f"{label.shape[1]}x{label.shape[0]}; they must be of one size"
            )
        self._histogram.add(score, label)
        self._frames += 1

    def result(self) -> PixelResult:
        normal, anomalous = self._histogram.pixels
        return PixelResult(
            metrics=self._histogram.result() if normal and anomalous else None,
            frames=self._frames,
            normal_pixels=normal,
            anomalous_pixels=anomalous,
        )
