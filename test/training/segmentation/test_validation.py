# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from training.segmentation.validation import ConfusionMatrix


def filled(frames=3, classes=5):
    rng = np.random.default_rng(0)
    matrix = ConfusionMatrix(classes)
    truths, predictions = [], []
    for _ in range(frames):
        truth = rng.integers(0, classes, (9, 11)).astype(np.uint8)
        predicted = np.where(rng.random((9, 11)) < 0.6, truth, rng.integers(0, classes, (9, 11)))
        truth[rng.random((9, 11)) < 0.2] = 255
        matrix.add(truth, predicted.astype(np.uint8))
        truths.append(truth[truth != 255])
        predictions.append(predicted[truth != 255])
    return matrix, np.concatenate(truths), np.concatenate(predictions)


def test_counts_are_scikit_learns():
    matrix, truth, predicted = filled()
    np.testing.assert_array_equal(matrix.counts, confusion_matrix(truth, predicted))


def test_iou_is_scikit_learns_jaccard():
    matrix, truth, predicted = filled()
    np.testing.assert_allclose(
        matrix.intersection_over_union(), jaccard_score(truth, predicted, average=None)
    )
    assert matrix.mean_intersection_over_union() == pytest.approx(
        jaccard_score(truth, predicted, average="macro")
    )


def test_a_class_that_never_occurs_does_not_count():
    matrix = ConfusionMatrix(3)
    matrix.add(np.array([0, 0, 1], np.uint8), np.array([0, 1, 1], np.uint8))
    np.testing.assert_array_equal(matrix.intersection_over_union(), [0.5, 0.5, np.nan])
    assert matrix.mean_intersection_over_union() == 0.5


def test_nothing_judged_is_nan():
    matrix = ConfusionMatrix(2)
    matrix.add(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8))
    assert np.isnan(matrix.mean_intersection_over_union())
