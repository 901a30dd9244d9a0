# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""SegmentMeIfYouCan's metrics: of anomalies as whole things, not of pixels.

Source: Chan et al., SegmentMeIfYouCan: A Benchmark for Anomaly Segmentation, NeurIPS 2021
(datasets and benchmarks), section 4; where the text leaves it open, the benchmark's own programs
(8 neighbours; a share equal to the threshold counts as found).
"""

from dataclasses import dataclass

import cv2
import numpy as np

THRESHOLDS = tuple(percent / 100 for percent in range(25, 80, 5))
"""tau, over which F1 is averaged."""

_NOT_JUDGED = 255
_EIGHT_NEIGHBOURS = 8


@dataclass(frozen=True)
class MinimumSizes:
    """Components of fewer pixels are not judged.

    Attributes:
        detected: smaller detected ones count as not detected.
        true: smaller labelled ones are taken out of the picture, with what is detected on them.
    """

    detected: int
    true: int


ANOMALY_TRACK = MinimumSizes(detected=500, true=100)
OBSTACLE_TRACK = MinimumSizes(detected=50, true=10)


@dataclass(frozen=True)
class ComponentMetrics:
    """Shares of 0..1; None where there is nothing to average.

    Attributes:
        siou: mean over labelled components of the adjusted intersection over union.
        ppv: mean over detected components of the share that lies on labelled ones.
        f1: mean over THRESHOLDS of 2 TP / (2 TP + FN + FP), where a labelled component is found
            (TP, else FN) from sIoU = tau on, and a detected one is false (FP) below PPV = tau.
        true: number of labelled components judged.
        detected: number of detected components judged.
    """

    siou: float | None
    ppv: float | None
    f1: float | None
    true: int
    detected: int


class ComponentAccumulator:
    """Collects sIoU and PPV of the components of any number of frames."""

    def __init__(self, sizes: MinimumSizes) -> None:
        self._sizes = sizes
        self._siou: list[np.ndarray] = []
        self._ppv: list[np.ndarray] = []

    def add(self, detected: np.ndarray, label: np.ndarray) -> None:
        """Judge one frame: detected bool [H, W]; label uint8 [H, W], 0, 1, 255 not judged."""
        siou, ppv = judge_components(detected, label, self._sizes)
        self._siou.append(siou)
        self._ppv.append(ppv)

    def include(self, other: "ComponentAccumulator") -> None:
        """Judge the components of `other` too, as if its frames had been added here."""
        self._siou += other._siou
        self._ppv += other._ppv

    def result(self) -> ComponentMetrics:
        """Return the metrics of all components so far."""
        siou, ppv = (np.concatenate([np.empty(0), *parts]) for parts in (self._siou, self._ppv))
        f1 = []
        for threshold in THRESHOLDS:
            found = int((siou >= threshold).sum())
            wrong = int((siou < threshold).sum()) + int((ppv < threshold).sum())
            f1.append(2 * found / (2 * found + wrong) if found + wrong else None)
        # Either there are components, whatever the threshold, or there are none.
        means = [value for value in f1 if value is not None]
        return ComponentMetrics(
            float(siou.mean()) if siou.size else None,
            float(ppv.mean()) if ppv.size else None,
            sum(means) / len(means) if means else None,
            siou.size,
            ppv.size,
        )


def judge_components(
    detected: np.ndarray, label: np.ndarray, sizes: MinimumSizes
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the sIoU of each labelled component and the PPV of each detected one.

    sIoU(k) = |k n K| / |(k u K) \ A|, with K all detected components that touch the labelled
    component k, and A the pixels of other labelled components: one detection that spans two
    things lowers the sIoU of neither.

    Args:
        detected: bool [H, W].
        label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.
        sizes: below which components are not judged.

    Returns:
        float64 [labelled components], float64 [detected components]; those too small, or not
        in the judged part of the frame, are not among them.
    """
    truth = _components(label == 1)
    found = _components(detected & (label != _NOT_JUDGED))
    found_sizes = np.bincount(found.ravel())
    found = np.where(found_sizes < sizes.detected, 0, np.arange(found_sizes.size))[found]
    too_small = np.bincount(truth.ravel()) < sizes.true
    too_small[0] = False
    judged = (label != _NOT_JUDGED) & ~too_small[truth]
    # overlap[k, j]: pixels in labelled component k and detected component j; 0 is outside.
    shape = (too_small.size, found_sizes.size)
    pairs = truth[judged].astype(np.int64) * shape[1] + found[judged]
    overlap = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)
    true_sizes = overlap.sum(axis=1)[1:]
    inside = overlap[1:, 1:]
    # What is left of K's pixels without k and A: those on no labelled component.
    beside = (inside > 0) @ overlap[0, 1:]
    kept = true_sizes > 0
    siou = inside.sum(axis=1)[kept] / (true_sizes + beside)[kept]
    detected_sizes = overlap.sum(axis=0)[1:]
    there = detected_sizes > 0
    ppv = inside.sum(axis=0)[there] / detected_sizes[there]
    return siou, ppv


def _components(mask: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's component, int32 [H, W]; 0 is outside of all."""
    _, numbers = cv2.connectedComponents(
        mask.astype(np.uint8), connectivity=_EIGHT_NEIGHBOURS, ltype=cv2.CV_32S
    )
    return numbers
