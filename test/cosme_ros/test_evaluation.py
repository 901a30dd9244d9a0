import numpy as np
import pytest
from small_bag import label, picture
from tiny_bundle import write_tiny_bundle

from cosme_ros.bundle import load_bundle
from cosme_ros.detector import Detector
from cosme_ros.evaluation import Evaluation
from cosme_ros.recording import Output


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
        latency=0.01,
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
    verdict = evaluation.verdict()
    assert verdict.score is not None and verdict.mulmem is not None and verdict.auxcon is not None
    assert verdict.score.average_precision == pytest.approx(1.0)
    assert verdict.score.fpr95 == 0.0
    assert verdict.mulmem.average_precision < 1.0
    assert verdict.auxcon != verdict.mulmem
    assert not verdict.published_equals_detector
    assert verdict.normal_pixels == 4 * 179 * 320 - 2 * 40 * 30
    assert verdict.anomalous_pixels == 2 * 40 * 30


def test_one_bit_makes_the_scores_unequal(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    same = output(detector, 0, labels=None)
    evaluation.add(same)
    assert evaluation.verdict().published_equals_detector
    score = same.score.copy()
    score[7, 9] = np.nextafter(score[7, 9], np.float32(np.inf))
    evaluation.add(Output(**{**vars(same), "score": score}))
    verdict = evaluation.verdict()
    assert not verdict.published_equals_detector
    assert 0 < verdict.largest_difference < 1e-6


def test_without_anomalies_there_is_nothing_to_tell(detector: Detector) -> None:
    evaluation = Evaluation(detector)
    evaluation.add(output(detector, 0, labels=label(0, 180, 320)))
    verdict = evaluation.verdict()
    assert verdict.score is None and verdict.anomalous_pixels == 0 < verdict.normal_pixels
