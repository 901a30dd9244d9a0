# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A picture scored again, with other banks than the detector's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.detector import Detector, ScoreFault


def alarm_with_banks(
    detector: Detector, image: NDArray[np.uint8], banks: Mapping[str, np.ndarray]
) -> NDArray[np.bool_]:
    """Return what is at or above the alarm line, bool [H, W]; nothing where there is no result.

    The detector keeps its own banks.

    Args:
        detector: runs the picture.
        image: uint8 [H, W, 3] BGR.
        banks: all of them by name, as in `Detector.set_banks`.
    """
    try:
        return np.asarray(detector.detect(image, banks=banks).score >= 1.0)
    except ScoreFault:
        return np.zeros(image.shape[:2], bool)
