# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Commands and the evaluator detect with marks, and say so."""

import cv2
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.adaptation.adaptation import apply_marks, open_adaptation
from cosme_ros.adaptation.marks_file import MarksError
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.evaluation.evaluator import Evaluator
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule

BOX = street_frame(180, 320, box=(4, 100, 40, 30))


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A bundle, a file of one mark, and a drive with what was marked."""
    folder = tmp_path_factory.mktemp("marked")
    bundle = write_tiny_bundle(folder / "tiny")
    detector = Detector(load_bundle(bundle), provider="cpu")
    marks = folder / "marks.jsonl"
    adaptation = open_adaptation(detector, marks, who="a test", limit=256)
    adaptation.remember(RecentFrame("", 0, BOX, detector.detect(BOX), ObstacleRule(None, 64)))
    assert adaptation.mark_alarms("", guard=True).success
    assert adaptation.save().success
    (folder / "drive").mkdir()
    cv2.imwrite(str(folder / "drive" / "000.png"), BOX)
    return bundle, marks, folder / "drive"


def test_marks_are_applied_and_the_report_says_so(marked):
    bundle, marks, drive = marked

    def evaluated(path):
        settings = EvaluationSettings(provider="cpu", marks=path)
        result = Evaluator(bundle, settings, jobs=1).evaluate([drive])
        return result.bags[0].frames[0].peak, result.notes

    peak, notes = evaluated("")
    assert peak >= 1 and not any("taught" in note for note in notes)
    peak, notes = evaluated(str(marks))
    assert peak < 1
    assert any(f"1 mark of {marks} taught the detector" in note for note in notes)


def test_a_file_that_is_not_there_is_an_error_offline(marked, tmp_path):
    bundle, _, _ = marked
    missing = str(tmp_path / "marks.jsonl")
    with pytest.raises(MarksError, match="does not exist"):
        Evaluator(bundle, EvaluationSettings(marks=missing))
    detector = Detector(load_bundle(bundle), provider="cpu")
    with pytest.raises(MarksError, match="does not exist"):
        apply_marks(detector, missing)
    assert apply_marks(detector, "") == 0
