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


def other_alarms(mask: NDArray[np.bool_], score: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the alarms that a mark leaves alone, bool [H, W].

    Args:
        mask: bool [H, W], pixels of the camera image.
        score: float32 [H, W], 1.0 the alarm line.

    Returns:
        Regions at or above the alarm line of which no pixel is marked.
    """
    count, labels = cv2.connectedComponents((score >= 1.0).astype(np.uint8), connectivity=8)
    is_other = np.bincount(labels[mask], minlength=count) == 0
    is_other[0] = False
    return np.asarray(is_other[labels])


def marked_features(
    mask: NDArray[np.bool_],
    feature_map: NDArray[np.float32],
    *,
    others: NDArray[np.bool_],
    margin: int = MARGIN,
) -> NDArray[np.float32]:
    """Return the features of the places that a mark touches.

    Args:
        mask: bool [H, W], pixels of the camera image.
        feature_map: float32 [C, h, w], as `Detector.features` returns it.
        others: bool [H, W], alarms that are not marked. Places that touch one of these are left
            out: the mark of a lane marking says nothing about the crate before it.
        margin: places around the touched ones that are included.

    Returns:
        float32 [n, C], row by row of the grid.
    """
    height, width = feature_map.shape[1:]
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    touched = cv2.dilate(_touched(mask, height, width).astype(np.uint8), kernel) > 0
    return np.ascontiguousarray(feature_map[:, touched & ~_touched(others, height, width)].T)


def _touched(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(share > 0)
