# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The values of a label, and labels at another size."""

import cv2
import numpy as np

NORMAL, ANOMALY, IGNORED = 0, 1, 255
"""The values of a label image."""


def to_size(score: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Bring a score map, float32 [h, w], to a label's size bilinearly."""
    if score.shape == tuple(size):
        return score
    return cv2.resize(score, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
