"""How well scores part anomalous pixels from normal ones: AP, AUROC and FPR95 over many frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Sign, exponent and 11 bits of mantissa of a float32.
_KEPT_BITS = 20
_BINS = 1 << _KEPT_BITS
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Metrics:
    """Each is in 0..1; their definitions are those of scikit-learn."""

    average_precision: float
    """Sum over falling thresholds of (R_n - R_n-1) * P_n, not interpolated."""
    auroc: float
    """Area under the ROC curve by trapezoids, so a tie counts half."""
    fpr95: float
    """Lowest false-positive rate of a threshold whose true-positive rate is 0.95 or more."""


class PixelMetrics:
    """Pools the pixels of any number of frames in 16 MiB.

    Kept is a histogram over the 20 highest bits of the scores, not the scores: two that differ by
    less than one part in 2048 count as tied. No range has to be known, and no order of frames
    matters.
    """

    def __init__(self) -> None:
        self._normal = np.zeros(_BINS, np.int64)
        self._anomalous = np.zeros(_BINS, np.int64)

    def add(self, score: np.ndarray, anomalous: np.ndarray) -> None:
        """Count pixels: `score` float32 and `anomalous` bool, of one shape.

        Higher is more anomalous; the sign is free. Leave out pixels to be ignored. Raises
        ValueError for other types or shapes, and for NaN or infinity.
        """
        if score.dtype != np.float32 or anomalous.dtype != bool or score.shape != anomalous.shape:
            raise ValueError(
                f"score is {score.dtype} {list(score.shape)} and anomalous {anomalous.dtype} "
                f"{list(anomalous.shape)}; float32 and bool of one shape are right"
            )
        if not np.isfinite(score).all():
            raise ValueError("score holds NaN or infinity; every pixel needs a finite score")
        bins = _bins(score.ravel())
        is_anomalous = anomalous.ravel()
        for histogram, own in (
            (self._anomalous, bins[is_anomalous]),
            (self._normal, bins[~is_anomalous]),
        ):
            if own.size:  # only the used part of a million bins: a frame's scores lie together
                counts = np.bincount(own - own.min())
                histogram[own.min() : own.min() + counts.size] += counts

    def merge(self, other: PixelMetrics) -> None:
        """Count the pixels of `other` too."""
        self._normal += other._normal
        self._anomalous += other._anomalous

    def result(self) -> Metrics:
        """Raises ValueError while there is no anomalous, or no normal, pixel to compare."""
        used = np.flatnonzero(self._normal + self._anomalous)[::-1]
        true_positives = np.cumsum(self._anomalous[used])
        false_positives = np.cumsum(self._normal[used])
        anomalous = int(true_positives[-1]) if used.size else 0
        normal = int(false_positives[-1]) if used.size else 0
        if not anomalous or not normal:
            raise ValueError(
                f"{anomalous} anomalous and {normal} normal pixels were added; metrics need both"
            )
        recall = true_positives / anomalous
        false_rate = false_positives / normal
        precision = true_positives / (true_positives + false_positives)
        rises = np.diff(recall, prepend=0.0)
        heights = recall - rises / 2
        return Metrics(
            average_precision=float(np.sum(rises * precision)),
            auroc=float(np.sum(np.diff(false_rate, prepend=0.0) * heights)),
            fpr95=float(false_rate[np.argmax(recall >= 0.95)]),
        )


def _bins(score: np.ndarray) -> np.ndarray:
    """Bin of each float32 [N], int64: rises with the score.

    The bits of a float32 rise with its value where it is positive, and fall where it is negative.
    Setting the sign bit of the one and inverting all bits of the other makes one rising order.
    """
    bits = (score + np.float32(0)).view(np.uint32)  # + 0 makes -0.0 into 0.0
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return (ordered >> np.uint32(32 - _KEPT_BITS)).astype(np.int64)
