"""AP, AUROC and FPR95 over the pixels of any number of frames, in bounded memory."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

_DROPPED_BITS = 12
_BINS = 1 << (32 - _DROPPED_BITS)
_SIGN = np.uint32(1 << 31)
_TRUE_POSITIVE_RATE = 0.95


@dataclass(frozen=True)
class AnomalyMetrics:
    """How well a score tells anomalous from normal pixels; shares of 0..1.

    Attributes:
        average_precision: area under precision over recall, by steps as in scikit-learn.
        auroc: area under the ROC curve.
        fpr95: lowest false-positive rate at which 95 % of the anomalous pixels are found.
    """

    average_precision: float
    auroc: float
    fpr95: float


class AnomalyHistogram:
    """Counts of normal and anomalous pixels by score.

    A score's bin is its float32 without the last 12 bits of the mantissa: scores that differ
    by less than 1 part in 2048 may count as equal, order is kept otherwise.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((2, _BINS), np.int64)

    def add(self, score: np.ndarray, label: np.ndarray) -> None:
        """Count one frame.

        Args:
            score: float32, any shape, finite, higher is more anomalous.
            label: uint8, the same shape, 0 normal, 1 anomaly, anything else is not judged.
        """
        # Plus 0 makes -0 equal to 0.
        bits = (np.ascontiguousarray(score, np.float32) + np.float32(0)).view(np.uint32)
        # Negative floats count backwards; after this, the order of bits is that of scores.
        ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN) >> _DROPPED_BITS
        for kind in (0, 1):
            self._counts[kind] += np.bincount(ordered[label == kind], minlength=_BINS)

    @property
    def pixels(self) -> tuple[int, int]:
        """Number of normal and of anomalous pixels."""
        normal, anomalous = self._counts.sum(axis=1)
        return int(normal), int(anomalous)

    def result(self) -> AnomalyMetrics:
        """The metrics of all pixels so far.

        Raises:
            ValueError: no normal or no anomalous pixel: the metrics are not defined.
        """
        normal, anomalous = self.pixels
        if not normal or not anomalous:
            raise ValueError(
                f"{normal} normal and {anomalous} anomalous pixels; there must be both"
            )
        kinds, bins = np.nonzero(self._counts)
        weights = self._counts[kinds, bins]
        false_rate, true_rate, _ = roc_curve(
            kinds, bins, sample_weight=weights, drop_intermediate=False
        )
        return AnomalyMetrics(
            float(average_precision_score(kinds, bins, sample_weight=weights)),
            float(roc_auc_score(kinds, bins, sample_weight=weights)),
            float(false_rate[np.searchsorted(true_rate, _TRUE_POSITIVE_RATE)]),
        )
