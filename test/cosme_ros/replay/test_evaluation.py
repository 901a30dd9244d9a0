# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from helpers.small_bag import label, picture
from helpers.tiny_bundle import write_tiny_bundle
from sklearn.metrics import average_precision_score

from cosme_ros.bags.reading import LabelledFrame
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.replay.evaluation import Evaluation
from cosme_ros.replay.recording import Output


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> Detector:
    bundle = load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))
    return Detector(bundle, provider="cpu", threads=1)


def output(detector: Detector, index: int, *, labels: np.ndarray | None) -> Output:
    image = picture(index, 180, 320)
    return Output(
        stamp=index,
        image=image,
        label=labels,
        score=detector.detect(image).score,
        mask=None,
        overlay=None,
    )


def test_the_published_scores_are_judged_not_the_detectors(detector: Detector) -> None:
    """Scores that say the truth are perfect, whatever the detector would have said."""
    evaluation = Evaluation(detector)
    for index in range(4):
        labels = label(index, 180, 320)
        frame = output(detector, index, labels=labels)
        truthful = np.where(labels == 1, 2.0, 0.5).astype(np.float32)
        truthful[labels == 255] = 9.0  # would spoil it if it counted
        evaluation.add(Output(**{**vars(frame), "score": truthful}))
    result = evaluation.result()
    published, mulmem = result.published.metrics, result.mulmem.metrics
    assert published is not None and mulmem is not None
    assert published.average_precision == pytest.approx(1.0)
    assert published.fpr95 == 0.0
    assert mulmem.average_precision < 1.0
    assert result.auxcon != result.mulmem
    assert not result.published_equals_detector
    assert result.published.frames == 4
    assert result.published.normal_pixels == 4 * 179 * 320 - 2 * 40 * 30
    assert result.published.anomalous_pixels == 2 * 40 * 30


def test_one_bit_makes_the_scores_unequal(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    same = output(detector, 0, labels=None)
    evaluation.add(same)
    assert evaluation.result().published_equals_detector
    score = same.score.copy()
    score[7, 9] = np.nextafter(score[7, 9], np.float32(np.inf))
    evaluation.add(Output(**{**vars(same), "score": score}))
    result = evaluation.result()
    assert not result.published_equals_detector
    assert 0 < result.largest_difference < 1e-6


def test_without_anomalies_there_is_nothing_to_tell(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    evaluation.add(output(detector, 0, labels=label(0, 180, 320)))
    result = evaluation.result()
    assert result.published.metrics is None
    assert result.published.anomalous_pixels == 0 < result.published.normal_pixels


def test_offline_counts_the_frames_that_were_dropped_too(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    truth, scores = [], []
    for index in range(4):
        labels = label(index, 180, 320)
        frame = output(detector, index, labels=labels)
        if index < 2:
            evaluation.add(frame)
        else:
            evaluation.add_unanswered(LabelledFrame(index, frame.image, labels))
        truth.append((labels == 1)[labels != 255])
        scores.append(frame.score[labels != 255])
    result = evaluation.result()
    assert result.published.frames == 2 and result.offline.frames == 4
    assert result.offline.metrics is not None
    assert result.offline.metrics.average_precision == pytest.approx(
        average_precision_score(np.concatenate(truth), np.concatenate(scores)), abs=1e-9
    )


def test_before_the_first_result_nothing_has_been_found(detector: Detector) -> None:
    """One anomaly missed in silence, one found: all of the latter come first, then all is tied."""
    evaluation = Evaluation(detector)
    labels = np.zeros((10, 10), np.uint8)
    labels[:2] = 1
    evaluation.add_latency_aware(labels, None)
    evaluation.add_latency_aware(labels, labels.astype(np.float32))
    result = evaluation.result()
    assert result.frames_before_first_result == 1
    assert result.latency_aware.metrics is not None
    # Half of the 40 anomalous pixels at precision 1, the other half among all 200 pixels.
    assert result.latency_aware.metrics.average_precision == pytest.approx(0.5 + 0.5 * 40 / 200)


def test_a_score_of_another_size_is_refused(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    with pytest.raises(ValueError, match="a score of 9x8 pixels is to be judged by labels of 7x6"):
        evaluation.add_latency_aware(np.zeros((6, 7), np.uint8), np.zeros((8, 9), np.float32))
