# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From marked pixels to the places of a layer's grid."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MARGIN = 1
"""Places around the marked ones that belong to the mark: their features see what is marked too.
docs/adaptation.md has the measurement."""


def marked_features(
    mask: NDArray[np.bool_], feature_map: NDArray[np.float32], *, margin: int = MARGIN
) -> NDArray[np.float32]:
    """Return the features of the places that a mark touches.

    Args:
        mask: bool [H, W], pixels of the camera image.
        feature_map: float32 [C, h, w], as `Detector.features` returns it.
        margin: places around the touched ones that are included.

    Returns:
        float32 [n, C], row by row of the grid.
    """
    height, width = feature_map.shape[1:]
    share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    touched = (share > 0).astype(np.uint8)
    if margin:
        kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
        touched = cv2.dilate(touched, kernel).astype(np.uint8)
    return np.ascontiguousarray(feature_map[:, touched > 0].T)
