# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram

MILLION = 1_000_000

# Sums of float64 in another order.
ROUNDING = 1e-9

KINDS = {
    "any sign": lambda score, _: score,
    "small": lambda score, _: np.exp(score - 20),
    "far from zero": lambda score, _: 1000 + score,
    "ties": lambda score, _: np.round(4 * score),
    "ties and none": lambda score, rng: np.where(rng.random(score.shape) < 0.5, 0, score),
    "one value": lambda score, _: np.zeros_like(score),
}


def frames_of(kind, pixels, frames=4):
    rng = np.random.default_rng(1)
    for _ in range(frames):
        shape = (pixels // frames // 500, 500)
        label = rng.choice(np.array([0, 1, 255], np.uint8), shape, p=[0.85, 0.1, 0.05])
        score = rng.normal(size=shape) + 1.2 * (label == 1)
        yield KINDS[kind](score, rng).astype(np.float32), label


def pooled(frames):
    frames = list(frames)
    score = np.concatenate([s[label != 255] for s, label in frames])
    return score, np.concatenate([label[label != 255] for _, label in frames])


def counted(frames, **settings):
    histogram = AnomalyHistogram(**settings)
    for score, label in frames:
        histogram.add(score, label)
    return histogram


def scikit_learns(score, truth):
    false_rate, true_rate, _ = roc_curve(truth, score, drop_intermediate=False)
    return (
        average_precision_score(truth, score),
        roc_auc_score(truth, score),
        false_rate[true_rate >= 0.95][0],
    )


def figures(result):
    return result.average_precision, result.auroc, result.fpr95


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_pixels_give_scikit_learns_figures(kind):
    histogram = counted(frames_of(kind, MILLION))
    score, truth = pooled(frames_of(kind, MILLION))
    assert histogram.pixels == ((truth == 0).sum(), (truth == 1).sum())
    assert histogram.result().largest_error == 0
    assert figures(histogram.result()) == pytest.approx(scikit_learns(score, truth), abs=ROUNDING)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most_bins", [16, 256, 4096])
def test_with_few_bins_the_error_stays_within_its_bound(kind, most_bins):
    pixels = 40_000
    result = counted(frames_of(kind, pixels), most_bins=most_bins).result()
    wanted = scikit_learns(*pooled(frames_of(kind, pixels)))
    for ours, theirs in zip(figures(result), wanted, strict=True):
        assert abs(ours - theirs) <= result.largest_error + ROUNDING


def test_bins_lie_where_the_scores_are():
    # All scores within one part in a hundred: a fixed number of leading bits would tie them.
    result = counted(frames_of("far from zero", MILLION), most_bins=1 << 12).result()
    assert 0 < result.largest_error < 5e-3
    wanted = scikit_learns(*pooled(frames_of("far from zero", MILLION)))
    assert figures(result) == pytest.approx(wanted, abs=5e-3)


def test_frames_counted_in_several_merges_are_as_one(monkeypatch):
    whole = counted(frames_of("any sign", 40_000)).result()
    monkeypatch.setattr("cosme_ros.metrics.anomaly_metrics._MOST_WAITING", 1)
    assert counted(frames_of("any sign", 40_000)).result() == whole


@pytest.mark.parametrize("kind", ["any sign", "ties", "small"])
def test_best_f1_and_its_threshold(kind):
    result = counted(frames_of(kind, 8_000)).result()
    score, truth = pooled(frames_of(kind, 8_000))
    candidates = np.unique(score)
    values = [
        f1_score(truth, score >= candidate)
        for candidate in candidates[:: len(candidates) // 200 + 1]
    ]
    assert result.best_f1 == pytest.approx(f1_score(truth, score >= result.best_f1_threshold))
    assert result.best_f1 >= max(values) - ROUNDING


def test_curves_end_where_everything_is_an_alarm_and_hold_the_figures():
    histogram = counted(frames_of("any sign", MILLION))
    curve, result = histogram.curve(), histogram.result()
    assert (curve.false_rate[0], curve.recall[0]) == (0, 0)
    assert (curve.false_rate[-1], curve.recall[-1]) == (1, 1)
    normal, anomalous = histogram.pixels
    assert curve.precision[-1] == pytest.approx(anomalous / (normal + anomalous))
    # 256 points along each axis instead of 950,000.
    assert np.trapezoid(curve.recall, curve.false_rate) == pytest.approx(result.auroc, abs=1e-3)
    assert np.trapezoid(curve.precision, curve.recall) == pytest.approx(
        result.average_precision, abs=5e-3
    )


@pytest.mark.parametrize("most_bins", [1 << 20, 500])
def test_parts_put_together_are_as_one_to_the_bit(most_bins):
    """However many frames a part has, and even where bits of the scores had to go."""
    frames = list(frames_of("any sign", 80_000, frames=8))
    whole = counted(frames, most_bins=most_bins)
    parts = [counted(frames[a:b], most_bins=most_bins) for a, b in ((0, 1), (1, 1), (1, 6), (6, 8))]
    pooled_parts = AnomalyHistogram(most_bins)
    for part in reversed(parts):
        pooled_parts.include(part)
    assert pooled_parts.pixels == whole.pixels
    assert pooled_parts.result() == whole.result()
    assert (whole.result().largest_error > 0) is (most_bins == 500)


def test_parts_of_other_resolution_do_not_fit():
    with pytest.raises(ValueError, match="7 bins do not fit 8"):
        AnomalyHistogram(8).include(AnomalyHistogram(7))


def test_negative_zero_is_zero():
    histogram = AnomalyHistogram()
    histogram.add(np.array([0.0, -0.0], np.float32), np.array([0, 1], np.uint8))
    assert histogram.result().auroc == 0.5


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(wrong):
    with pytest.raises(ValueError, match="not finite"):
        AnomalyHistogram().add(np.array([0.0, wrong], np.float32), np.array([0, 1], np.uint8))


@pytest.mark.parametrize("kind", [0, 1])
def test_one_kind_of_pixels_alone_is_refused(kind):
    histogram = AnomalyHistogram()
    histogram.add(np.zeros((2, 2), np.float32), np.full((2, 2), kind, np.uint8))
    with pytest.raises(ValueError, match="there must be both"):
        histogram.result()
