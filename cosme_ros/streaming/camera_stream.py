# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One camera's frames, in order, through a detector: each by itself, or with its history."""

import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.parameters import TEMPORAL
from cosme_ros.postprocessing.temporal_fusion import TemporalFusion


class CameraStream:
    """Gives each frame its detection. Not for two threads at a time.

    `temporal` is one of `parameters.TEMPORAL`: 'none' is `Detector.detect` and nothing else, 'flow'
    is described in `temporal_fusion`. Raises ValueError for anything else.
    """

    def __init__(self, detector: Detector, *, temporal: str) -> None:
        if temporal not in TEMPORAL:
            raise ValueError(f"temporal is {temporal!r}; one of {', '.join(TEMPORAL)} is right")
        self._detector = detector
        self.fusion: TemporalFusion | None = TemporalFusion() if temporal == "flow" else None
        """The history; None where each frame stands for itself."""

    def detect(self, image: NDArray[np.uint8], stamp: int) -> Detection:
        """Return the detection of the camera's next frame.

        Args:
            image: uint8 [H, W, 3] BGR.
            stamp: nanoseconds. Where it does not rise, the history begins anew.

        Raises:
            ValueError: no such image.
            ScoreFault: a score is NaN, infinite or below 0. The history ends, and the next frame
                begins anew.
        """
        try:
            detection = self._detector.detect(image)
            if self.fusion is None:
                return detection
            fused = self.fusion.fuse(image, stamp, detection.raw_score_grid)
            return detection.with_raw_score(fused)
        except ScoreFault:
            self.reset()
            raise

    def reset(self) -> None:
        """Let the history begin anew."""
        if self.fusion is not None:
            self.fusion.reset()
