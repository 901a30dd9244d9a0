# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from cosme_ros.metrics.component_metrics import ANOMALY_TRACK, OBSTACLE_TRACK, ComponentAccumulator
from cosme_ros.metrics.labels import to_size
from training.datasets.registry import open_dataset
from training.errors import UsageError
from training.evaluation.dataset_figures import OBSTACLE_SETS, ScoreStore, measure_dataset
from training.evaluation.frame_scores import FrameScorer

METHODS = ("maxlogit", "sml", "knn", "score")


@pytest.fixture
def scorer(bundle, teacher, normal):
    scorer = FrameScorer(bundle, teacher, METHODS, normal=normal)
    scorer.learn()
    return scorer


@pytest.fixture
def figures(dataset, scorer, tmp_path):
    with ScoreStore(tmp_path) as store:
        result = measure_dataset(dataset, scorer, store)
    assert not list(tmp_path.glob(".scores_*"))
    return result


def frames_of(dataset, scorer, method):
    for index in range(len(dataset.source)):
        image, label = dataset.source[index]
        yield to_size(scorer.maps(image)[method], label.shape), label


@pytest.mark.parametrize("method", METHODS)
def test_figures_are_those_of_all_pixels_together(method, dataset, scorer, figures):
    frames = list(frames_of(dataset, scorer, method))
    score = np.concatenate([s[label != 255] for s, label in frames])
    truth = np.concatenate([label[label != 255] for _, label in frames])
    pixels = figures.methods[method].pixels
    assert pixels.average_precision == pytest.approx(average_precision_score(truth, score))
    assert pixels.auroc == pytest.approx(roc_auc_score(truth, score))
    false_rate, true_rate, _ = roc_curve(truth, score, drop_intermediate=False)
    assert pixels.fpr95 == pytest.approx(false_rate[true_rate >= 0.95][0])
    assert (figures.normal_pixels, figures.anomalous_pixels) == (
        (truth == 0).sum(),
        (truth == 1).sum(),
    )
    assert figures.frames == 3


@pytest.mark.parametrize("method", METHODS)
def test_components_and_errors_are_at_the_threshold_of_best_f1(method, dataset, scorer, figures):
    threshold = figures.methods[method].pixels.best_f1_threshold
    components = ComponentAccumulator(ANOMALY_TRACK)
    for (score, label), errors in zip(
        frames_of(dataset, scorer, method), figures.errors[method], strict=True
    ):
        components.add(score >= threshold, label)
        assert errors.false_alarms == ((score >= threshold) & (label == 0)).sum()
        assert errors.misses == ((score < threshold) & (label == 1)).sum()
    assert figures.methods[method].components == components.result()


def test_sets_of_small_obstacles_have_their_own_minimum_sizes(dataset, scorer, figures, tmp_path):
    assert figures.sizes == ANOMALY_TRACK
    for name in OBSTACLE_SETS:
        obstacles = open_dataset(dataset.spelling.replace("streets=", f"{name}=", 1))
        with ScoreStore(tmp_path) as store:
            assert measure_dataset(obstacles, scorer, store).sizes == OBSTACLE_TRACK


def test_labels_that_are_classes_are_refused(scorer, tmp_path):
    with ScoreStore(tmp_path) as store, pytest.raises(UsageError, match="labelled with classes"):
        measure_dataset(open_dataset("synthetic:0:1"), scorer, store)


def test_labels_without_anomalies_are_refused(dataset, scorer, tmp_path):
    normal = open_dataset(dataset.spelling.replace("2:1", "2:0"))
    with ScoreStore(tmp_path) as store, pytest.raises(UsageError, match="0 anomalous pixels"):
        measure_dataset(normal, scorer, store)


def test_a_score_that_is_not_finite_is_refused_with_its_frame(dataset, bundle, teacher, tmp_path):
    teacher.network.o.bias.data[:] = np.nan
    scorer = FrameScorer(bundle, teacher, ("energy",))
    with ScoreStore(tmp_path) as store, pytest.raises(UsageError, match="energy on streets 0"):
        measure_dataset(dataset, scorer, store)
