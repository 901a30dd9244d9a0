# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well a segmentation network names pixels."""

import numpy as np

from training.datasets.readers.label_map import IGNORE


class ConfusionMatrix:
    """Counts of (true class, predicted class) over any number of frames.

    Args:
        classes: number of classes, 1..255.
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one frame.

        Args:
            truth: uint8, any shape, class ids, 255 = ignore.
            predicted: uint8, the same shape, class ids.
        """
        classes = len(self.counts)
        judged = truth != IGNORE
        pairs = truth[judged].astype(np.int64) * classes + predicted[judged]
        self.counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def intersection_over_union(self) -> np.ndarray:
        """Return TP / (TP + FP + FN) of each class, float64 [classes]; NaN without such pixels."""
        hits = np.diagonal(self.counts).astype(np.float64)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) - hits
        scores = np.full(len(hits), np.nan)
        np.divide(hits, union, out=scores, where=union > 0)
        return scores

    def mean_intersection_over_union(self) -> float:
        """Return the mIoU of labelled or predicted classes, 0..1; NaN without a judged pixel."""
        scores = self.intersection_over_union()
        return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")
