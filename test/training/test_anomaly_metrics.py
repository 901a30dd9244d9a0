import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from training.anomaly_metrics import AnomalyHistogram


def scores_and_labels(kind, frames=4):
    rng = np.random.default_rng(1)
    for _ in range(frames):
        label = rng.choice(np.array([0, 1, 255], np.uint8), (50, 60), p=[0.85, 0.1, 0.05])
        score = rng.normal(size=label.shape) + 1.2 * (label == 1)
        yield (
            {"any sign": score, "small": np.exp(score - 20), "ties": np.round(score)}[kind].astype(
                np.float32
            ),
            label,
        )


# A bin holds scores within 1 part in 2048, so hardly any pair of pixels changes its order.
@pytest.mark.parametrize(
    ("kind", "tolerance"), [("any sign", 1e-3), ("small", 1e-3), ("ties", 1e-12)]
)
def test_metrics_of_all_frames_together_are_scikit_learns(kind, tolerance):
    histogram = AnomalyHistogram()
    for score, label in scores_and_labels(kind):
        histogram.add(score, label)
    frames = list(scores_and_labels(kind))
    score = np.concatenate([s[label != 255] for s, label in frames])
    truth = np.concatenate([label[label != 255] for _, label in frames])
    result = histogram.result()
    assert histogram.pixels == ((truth == 0).sum(), (truth == 1).sum())
    assert result.average_precision == pytest.approx(
        average_precision_score(truth, score), abs=tolerance
    )
    assert result.auroc == pytest.approx(roc_auc_score(truth, score), abs=tolerance)
    false_rate, true_rate, _ = roc_curve(truth, score, drop_intermediate=False)
    assert result.fpr95 == pytest.approx(false_rate[true_rate >= 0.95][0], abs=tolerance)


def test_negative_zero_is_zero():
    histogram = AnomalyHistogram()
    histogram.add(np.array([0.0, -0.0], np.float32), np.array([0, 1], np.uint8))
    assert histogram.result().auroc == 0.5


@pytest.mark.parametrize("kind", [0, 1])
def test_one_kind_of_pixels_alone_is_refused(kind):
    histogram = AnomalyHistogram()
    histogram.add(np.zeros((2, 2), np.float32), np.full((2, 2), kind, np.uint8))
    with pytest.raises(ValueError, match="there must be both"):
        histogram.result()
