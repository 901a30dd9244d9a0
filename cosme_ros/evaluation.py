"""Judges recorded outputs of the detector: against labels, and against the detector itself."""

from dataclasses import dataclass

import numpy as np

from cosme_ros.detector import Detector
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram, AnomalyMetrics
from cosme_ros.recording import Output


@dataclass(frozen=True)
class Verdict:
    """Metrics are None when no labels were recorded, or labels of one kind only."""

    score: AnomalyMetrics | None
    """Of the scores that the node published."""
    mulmem: AnomalyMetrics | None
    auxcon: AnomalyMetrics | None
    """Of `Detector.detect` on the same pictures: the node publishes neither."""
    published_equals_detector: bool
    """Whether every published score is `Detector.detect`'s to the bit."""
    largest_difference: float
    """Between the two, over all pixels; 0 when they are equal."""
    normal_pixels: int
    anomalous_pixels: int


class Evaluation:
    """Pools frames; a detector of the same bundle and settings gives what was not published."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._score = AnomalyHistogram()
        self._mulmem = AnomalyHistogram()
        self._auxcon = AnomalyHistogram()
        self._equal = True
        self._difference = 0.0

    def add(self, output: Output) -> None:
        detection = self._detector.detect(output.image)
        if not np.array_equal(detection.score, output.score):
            self._equal = False
            difference = float(np.max(np.abs(detection.score - output.score)))
            self._difference = max(self._difference, difference)
        if output.label is None:
            return
        for histogram, map_ in (
            (self._score, output.score),
            (self._mulmem, detection.mulmem),
            (self._auxcon, detection.auxcon),
        ):
            histogram.add(map_, output.label)

    def verdict(self) -> Verdict:
        normal, anomalous = self._score.pixels
        comparable = bool(normal and anomalous)
        return Verdict(
            score=self._score.result() if comparable else None,
            mulmem=self._mulmem.result() if comparable else None,
            auxcon=self._auxcon.result() if comparable else None,
            published_equals_detector=self._equal,
            largest_difference=self._difference,
            normal_pixels=normal,
            anomalous_pixels=anomalous,
        )
