# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether the frames of a source are like those of calibration, as /diagnostics has it."""

from __future__ import annotations

from collections import deque

from cosme_ros.bundle.loading import Bundle
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import health_reference
from cosme_ros.health.state import FrameHealth, HealthState, HealthTracker
from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.static_mask import StaticMask, visible_values
from cosme_ros.sources.interface import Frame
from cosme_ros.streaming.frame_statistics import WINDOW
from cosme_ros.streaming.score_drift import (
    ScoreSpread,
    drift_reference,
    drift_warning,
    mean_spread,
    score_spread,
)


class Conditions:
    """Health and score drift of one source. Not for two threads at a time.

    Args:
        bundle: whose calibration the frames are compared with.
        static_mask: what it hides is not measured.
    """

    def __init__(self, bundle: Bundle, static_mask: StaticMask | None) -> None:
        self._bundle = bundle
        self._static_mask = static_mask
        self._reference = drift_reference(bundle.calibration)
        self._tracker = HealthTracker(health_reference(bundle.manifest["calibration"]))
        self._spreads: deque[tuple[int, ScoreSpread]] = deque()

    def update(self, frame: Frame, detection: Detection) -> tuple[FrameHealth, str]:
        """Return the health at the next frame, and what is wrong: a sentence, '' for nothing."""
        visible = visible_values(detection.raw_score_grid, self._static_mask)
        spread = score_spread(visible, self._reference)
        self._spreads.append((frame.stamp, spread))
        while not 0 <= frame.stamp - self._spreads[0][0] <= WINDOW * 1e9:
            self._spreads.popleft()
        measures = frame_measures(
            frame.image,
            detection.grids,
            input_size=self._bundle.input_size,
            static_mask=self._static_mask,
        )
        health = self._tracker.update(measures, frame.stamp)
        return health, self._sentence(health)

    def _sentence(self, health: FrameHealth) -> str:
        """Return the worst of health and drift, in the order of /diagnostics."""
        if health.state == HealthState.OUT_OF_DOMAIN:
            return health.warning
        mean = mean_spread([spread for _, spread in self._spreads])
        if mean is not None and (warning := drift_warning(mean, self._reference)) is not None:
            return warning
        return health.warning
