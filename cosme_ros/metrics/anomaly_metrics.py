# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""AP, AUROC and FPR95 over the pixels of any number of frames, in bounded memory."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import auc, average_precision_score, roc_curve

MOST_BINS = 1 << 20
"""Different scores that are counted one by one; beyond it neighbouring ones are put together."""

_MOST_WAITING = 1 << 23
_SIGN = np.uint32(1 << 31)
_TRUE_POSITIVE_RATE = 0.95
_CURVE_POINTS = 256


@dataclass(frozen=True)
class AnomalyMetrics:
    """How well a score tells anomalous from normal pixels; shares of 0..1.

    Attributes:
        average_precision: area under precision over recall, by steps as in scikit-learn.
        auroc: area under the ROC curve.
        fpr95: lowest false-positive rate at which 95 % of the anomalous pixels are found.
        largest_error: no figure differs by more from scikit-learn's on the unrounded scores;
            0 if no scores had to be put together (then only float64's rounding remains).
        best_f1: highest F1 of any threshold.
        best_f1_threshold: the score from which on (inclusive) pixels count as anomalous there.
    """

    average_precision: float
    auroc: float
    fpr95: float
    largest_error: float
    best_f1: float
    best_f1_threshold: float


@dataclass(frozen=True)
class Curve:
    """Points of the ROC and precision-recall curves, by falling threshold; float64 [n] each."""

    false_rate: np.ndarray
    recall: np.ndarray
    precision: np.ndarray


class AnomalyHistogram:
    """Counts of normal and anomalous pixels by score.

    Counts are exact as long as the scores take at most `most_bins` different values. Beyond
    that, low bits of the float32 scores are dropped until they do: a last place at a time, so
    that pixels only count as tied if their scores hardly differ, wherever on the axis and however
    close together they lie. `AnomalyMetrics.largest_error` bounds what this can have changed.

    Args:
        most_bins: needs 20 bytes each, and as much again while frames are merged.
    """

    def __init__(self, most_bins: int = MOST_BINS) -> None:
        self._most_bins = most_bins
        self._dropped_bits = 0
        # The order of these bits is that of the scores.
        self._bins = np.empty(0, np.uint32)
        self._counts = np.zeros((2, 0), np.int64)
        self._waiting: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._waiting_pixels = 0

    def add(self, score: np.ndarray, label: np.ndarray) -> None:
        """Count one frame.

        Args:
            score: float32, any shape, higher is more anomalous.
            label: uint8, the same shape, 0 normal, 1 anomaly, anything else is not judged.

        Raises:
            ValueError: a score is not finite.
        """
        if not np.isfinite(score).all():
            raise ValueError("a score is not finite")
        ordered = _ordered_bits(score)
        for kind, waiting in enumerate(self._waiting):
            waiting.append(ordered[label == kind])
        self._waiting_pixels += label.size
        if self._waiting_pixels >= _MOST_WAITING:
            self._merge()

    def include(self, other: "AnomalyHistogram") -> None:
        """Count the pixels of `other` too: to the bit as if its frames had been added here.

        Which bits have to go depends on the scores alone, not on who met them first.

        Raises:
            ValueError: the two keep different numbers of bins.
        """
        if self._most_bins != other._most_bins:
            raise ValueError(f"{other._most_bins} bins do not fit {self._most_bins}")
        self._merge()
        other._merge()
        dropped = max(self._dropped_bits, other._dropped_bits)
        parts = [(h._bins >> (dropped - h._dropped_bits), h._counts) for h in (self, other)]
        bins, _ = _runs(np.concatenate([values for values, _ in parts]))
        counts = np.zeros((2, bins.size), np.int64)
        for values, numbers in parts:
            if values.size:
                first = _starts(values)
                places = np.searchsorted(bins, values[first])
                counts[:, places] += np.add.reduceat(numbers, first, axis=1)
        self._dropped_bits = dropped
        self._keep(bins, counts)

    @property
    def pixels(self) -> tuple[int, int]:
        """Return the number of normal and of anomalous pixels."""
        self._merge()
        normal, anomalous = self._counts.sum(axis=1)
        return int(normal), int(anomalous)

    def result(self) -> AnomalyMetrics:
        """Return the metrics of all pixels so far.

        Raises:
            ValueError: no normal or no anomalous pixel: the metrics are not defined.
        """
        kinds, places, weights = self._samples()
        false_rate, recall, thresholds = roc_curve(
            kinds, places, sample_weight=weights, drop_intermediate=False
        )
        normal, anomalous = self.pixels
        found, false_alarms = recall * anomalous, false_rate * normal
        f1 = 2 * found / (found + false_alarms + anomalous)
        best = int(f1.argmax())
        at_95 = int(np.searchsorted(recall, _TRUE_POSITIVE_RATE))
        threshold = self._bins[int(thresholds[best])] << np.uint32(self._dropped_bits)
        return AnomalyMetrics(
            float(average_precision_score(kinds, places, sample_weight=weights)),
            float(auc(false_rate, recall)),
            float(false_rate[at_95]),
            self._largest_error(at_95 - 1),
            float(f1[best]),
            _score_of(threshold),
        )

    def curve(self) -> Curve:
        """Return some hundred points of the curves, evenly spaced along both of the ROC's axes.

        Raises:
            ValueError: no normal or no anomalous pixel.
        """
        kinds, places, weights = self._samples()
        false_rate, recall, _ = roc_curve(
            kinds, places, sample_weight=weights, drop_intermediate=False
        )
        even = np.linspace(0.0, 1.0, _CURVE_POINTS)
        chosen = np.unique(
            np.concatenate([np.searchsorted(axis, even) for axis in (false_rate, recall)])
        )
        false_rate, recall = false_rate[chosen], recall[chosen]
        normal, anomalous = self.pixels
        found = recall * anomalous
        raised = found + false_rate * normal
        # Before the first alarm there is no precision; the curve starts as if it were right.
        precision = np.divide(found, raised, out=np.ones_like(raised), where=raised > 0)
        return Curve(false_rate, recall, precision)

    def _samples(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return kind, bin and number of pixels, as scikit-learn takes weighted samples."""
        normal, anomalous = self.pixels
        if not normal or not anomalous:
            raise ValueError(
                f"{normal} normal and {anomalous} anomalous pixels; there must be both"
            )
        kinds, places = np.nonzero(self._counts)
        return kinds, places, self._counts[kinds, places]

    def _merge(self) -> None:
        if not self._waiting_pixels:
            return
        runs = [_runs(np.concatenate(waiting) >> self._dropped_bits) for waiting in self._waiting]
        for waiting in self._waiting:
            waiting.clear()
        self._waiting_pixels = 0
        bins, _ = _runs(np.concatenate([self._bins, *(values for values, _ in runs)]))
        counts = np.zeros((2, bins.size), np.int64)
        counts[:, np.searchsorted(bins, self._bins)] = self._counts
        for kind, (values, numbers) in enumerate(runs):
            counts[kind, np.searchsorted(bins, values)] += numbers
        self._keep(bins, counts)

    def _keep(self, bins: np.ndarray, counts: np.ndarray) -> None:
        while bins.size > self._most_bins:
            self._dropped_bits += 1
            coarse = bins >> 1
            first = _starts(coarse)
            bins, counts = coarse[first], np.add.reduceat(counts, first, axis=1)
        self._bins, self._counts = bins, counts

    def _largest_error(self, bin_at_95: int) -> float:
        """Return a bound on what the order of pixels within bins could have changed."""
        # `bin_at_95` is counted from the highest, and is the one in which 95 % are reached.
        if not self._dropped_bits:
            return 0.0
        normal, anomalous = self._counts[:, ::-1]
        false_alarms, found = normal.cumsum(), anomalous.cumsum()
        pairs = float(false_alarms[-1]) * float(found[-1])
        of_auroc = 0.5 * float((normal.astype(np.float64) * anomalous).sum()) / pairs
        of_fpr95 = float(normal[bin_at_95]) / float(false_alarms[-1])
        # Within a bin, precision lies between that of its first anomalous pixel behind all of
        # its normal ones, and that of its last one before all of them.
        with_ours = found / (found + false_alarms)
        before = found - anomalous
        lowest = (before + 1) / (before + 1 + false_alarms)
        highest = found / np.maximum(found + false_alarms - normal, 1)
        furthest = np.maximum(highest - with_ours, with_ours - lowest)
        of_precision = float((anomalous * furthest).sum()) / float(found[-1])
        return max(of_auroc, of_fpr95, of_precision)


def _ordered_bits(score: np.ndarray) -> np.ndarray:
    """Return the bits of float32 scores as uint32 in the order of the scores."""
    # Plus 0 makes -0 equal to 0.
    bits = (np.ascontiguousarray(score, np.float32) + np.float32(0)).view(np.uint32)
    # Negative floats count backwards: all of their bits are turned, of the others the sign alone.
    turned = (bits.view(np.int32) >> 31).view(np.uint32) | _SIGN
    return bits ^ turned


def _score_of(ordered: np.uint32) -> float:
    bits = ordered ^ _SIGN if ordered & _SIGN else ~ordered
    return float(np.array(bits, np.uint32).view(np.float32))


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different values, rising, and how often each occurs."""
    # numpy.unique hashes whole numbers, which takes a hundred times as long as this.
    ordered = np.sort(values)
    first = _starts(ordered)
    return ordered[first], np.diff(first, append=ordered.size)


def _starts(ordered: np.ndarray) -> np.ndarray:
    """Return where each run of equal values begins."""
    if not ordered.size:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
