"""The pooled metrics against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from cosme_ros.metrics import Metrics, PixelMetrics


def by_scikit_learn(score: np.ndarray, anomalous: np.ndarray) -> Metrics:
    # drop_intermediate leaves out points of the curve, and one of them may be the 95 % point.
    false_rate, true_rate, _ = roc_curve(anomalous, score, drop_intermediate=False)
    return Metrics(
        average_precision=float(average_precision_score(anomalous, score)),
        auroc=float(roc_auc_score(anomalous, score)),
        fpr95=float(false_rate[np.argmax(true_rate >= 0.95)]),
    )


def pooled(score: np.ndarray, anomalous: np.ndarray) -> Metrics:
    metrics = PixelMetrics()
    metrics.add(score, anomalous)
    return metrics.result()


def agree(found: Metrics, expected: Metrics, tolerance: float) -> None:
    assert found.average_precision == pytest.approx(expected.average_precision, abs=tolerance)
    assert found.auroc == pytest.approx(expected.auroc, abs=tolerance)
    assert found.fpr95 == pytest.approx(expected.fpr95, abs=tolerance)


def sample(seed: int, *, share: float, gap: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    anomalous = random.random(1_000_000) < share
    score = np.exp(random.normal(0, 1.5, anomalous.size) + gap * anomalous)
    return score.astype(np.float32), anomalous


@pytest.mark.parametrize(
    ("share", "gap"), [(0.5, 1.0), (0.01, 3.0), (0.001, 0.0), (0.02, -1.0), (0.05, 9.0)]
)
def test_a_million_random_scores(share: float, gap: float) -> None:
    score, anomalous = sample(7, share=share, gap=gap)
    # Scores within one part in 2048 count as tied: with a density of ln(score) of at most 0.27
    # (sigma 1.5) a bin holds 1.3e-4 of the pixels, which bounds every error.
    agree(pooled(score, anomalous), by_scikit_learn(score, anomalous), 2e-4)


@pytest.mark.parametrize("levels", [2, 7, 50])
def test_heavily_tied_scores_are_exact(levels: int) -> None:
    score, anomalous = sample(8, share=0.1, gap=1.0)
    score = np.minimum(np.floor(score), levels - 1).astype(np.float32) / 8
    # Multiples of 1/8 each have a bin of their own: what is left is rounding of sums.
    agree(pooled(score, anomalous), by_scikit_learn(score, anomalous), 1e-9)


def test_scores_of_both_signs_are_exact_when_they_fit_a_bin() -> None:
    random = np.random.default_rng(9)
    anomalous = random.random(200_000) < 0.2
    score = np.round(random.normal(0, 40, anomalous.size) + 20 * anomalous).astype(np.float32)
    score[::7] = -0.0
    score[::11] = 0.0
    agree(pooled(score, anomalous), by_scikit_learn(score, anomalous), 1e-9)


def test_extremes_of_float32_keep_their_order() -> None:
    limits = np.finfo(np.float32)
    rising = np.array(
        [
            limits.min,
            -1,
            -limits.tiny,
            0,
            limits.smallest_subnormal * 9000,
            limits.tiny,
            1,
            limits.max,
        ],
        np.float32,
    )
    for split in range(1, rising.size):
        anomalous = np.arange(rising.size) >= split
        assert pooled(rising, anomalous) == Metrics(1.0, 1.0, 0.0)


def test_perfect_reversed_and_constant_scores() -> None:
    anomalous = np.arange(100) >= 90
    rising = np.arange(100, dtype=np.float32)
    assert pooled(rising, anomalous) == Metrics(1.0, 1.0, 0.0)
    agree(pooled(-rising, anomalous), by_scikit_learn(-rising, anomalous), 1e-12)
    constant = np.full(100, 0.3, np.float32)
    agree(pooled(constant, anomalous), Metrics(0.1, 0.5, 1.0), 1e-12)


def test_frames_pool_like_one_large_frame() -> None:
    score, anomalous = sample(10, share=0.05, gap=2.0)
    whole = pooled(score, anomalous)
    parts = [PixelMetrics(), PixelMetrics()]
    for i, (s, a) in enumerate(
        zip(score.reshape(100, 100, 100), anomalous.reshape(100, 100, 100), strict=True)
    ):
        parts[i % 2].add(s, a)
    parts[0].merge(parts[1])
    assert parts[0].result() == whole


def test_a_frame_without_anomaly_counts_its_normal_pixels() -> None:
    metrics = PixelMetrics()
    metrics.add(np.array([3, 1], np.float32), np.array([True, False]))
    assert metrics.result().fpr95 == 0.0
    metrics.add(np.array([5, 5, 1], np.float32), np.zeros(3, bool))
    assert metrics.result().fpr95 == 0.5
    assert metrics.result().average_precision == pytest.approx(1 / 3)


def test_scores_are_not_written_to() -> None:
    score = np.array([-0.0, 1.0], np.float32)
    score.setflags(write=False)
    PixelMetrics().add(score, np.array([True, False]))
    assert np.signbit(score[0])


def test_metrics_of_one_kind_of_pixel_do_not_exist() -> None:
    metrics = PixelMetrics()
    with pytest.raises(ValueError, match="0 anomalous and 0 normal pixels were added"):
        metrics.result()
    metrics.add(np.ones((2, 3), np.float32), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="0 anomalous and 6 normal pixels were added"):
        metrics.result()
    only = PixelMetrics()
    only.add(np.ones(4, np.float32), np.ones(4, bool))
    with pytest.raises(ValueError, match="4 anomalous and 0 normal pixels were added"):
        only.result()


@pytest.mark.parametrize(
    ("score", "anomalous", "sentence"),
    [
        (np.ones(3), np.ones(3, bool), "score is float64"),
        (np.ones(3, np.float32), np.ones(3, np.uint8), "anomalous uint8"),
        (np.ones(3, np.float32), np.ones(4, bool), r"\[3\] and anomalous bool \[4\]"),
        (np.array([1, np.nan], np.float32), np.ones(2, bool), "score holds NaN"),
        (np.array([1, -np.inf], np.float32), np.ones(2, bool), "score holds NaN or infinity"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    score: np.ndarray, anomalous: np.ndarray, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        PixelMetrics().add(score, anomalous)
