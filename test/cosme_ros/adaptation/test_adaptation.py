# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Marks in a real detector of the tiny bundle; test/node/test_marking.py has them over DDS."""

import threading
from time import monotonic, sleep

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.adaptation import recent_frames
from cosme_ros.adaptation.adaptation import MOST_WAITING, open_adaptation
from cosme_ros.adaptation.marks_file import MarksError
from cosme_ros.adaptation.painted_things import paint_things
from cosme_ros.adaptation.recent_frames import RecentFrame, RecentFrames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule

RULE = ObstacleRule(None, minimum_area=64)
QUIET = street_frame(180, 320)
BOX = street_frame(180, 320, box=(4, 100, 40, 30))
ON_ROAD = street_frame(180, 320, box=(150, 120, 20, 16))
SECOND = 10**9


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture
def detector(bundle):
    return Detector(bundle, provider="cpu")


@pytest.fixture
def adaptation(detector, tmp_path):
    return open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=50)


def add_frame(adaptation, detector, image, stamp=0, camera=""):
    detection = detector.detect(image)
    adaptation.remember(RecentFrame(camera, stamp, image, detection, RULE))
    return detection


def test_a_mark_silences_and_undo_restores_to_the_bit(adaptation, detector):
    before = [detector.detect(image).score.tobytes() for image in (QUIET, BOX, ON_ROAD)]
    add_frame(adaptation, detector, QUIET, 0)
    assert add_frame(adaptation, detector, BOX, SECOND).score.max() >= 1
    answer = adaptation.mark_alarms("", guard=True)
    assert answer.success, answer.message
    assert detector.detect(BOX).score.max() < 1
    (mark,) = adaptation.marks
    assert (mark.number, mark.stamp, mark.source, mark.forced) == (1, SECOND, "alarms", False)
    picture = cv2.imdecode(np.frombuffer(mark.picture, np.uint8), cv2.IMREAD_COLOR)
    assert max(picture.shape[:2]) <= 96
    assert adaptation.undo().success
    assert [detector.detect(i).score.tobytes() for i in (QUIET, BOX, ON_ROAD)] == before


def test_a_mark_beside_an_alarm_leaves_the_alarm(adaptation, detector):
    alarm = add_frame(adaptation, detector, BOX).score >= 1
    beside = cv2.dilate(alarm.astype(np.uint8), np.ones((9, 9), np.uint8)) - alarm
    answer = adaptation.mark_pixels("", 0, beside, guard=False)
    assert (
        answer.success and "other alarms of the frame: 1, and all stay; self-test" in answer.message
    )
    assert (detector.detect(BOX).score[alarm] >= 1).any()


def test_the_answer_says_which_other_alarms_are_silenced_too(adaptation, detector):
    two = cv2.hconcat([BOX[:, :160], BOX[:, :160]])
    alarm = (add_frame(adaptation, detector, two).score >= 1).astype(np.uint8)
    left = alarm.copy()
    left[:, 100:] = 0
    assert left.any() and (alarm != left).any()
    answer = adaptation.mark_pixels("", 0, left, guard=False)
    assert "other alarms of the frame: 1, of which it silences 1 too" in answer.message
    assert "other alarms" not in adaptation.mark_alarms("", guard=False).message


def test_what_is_only_in_places_of_another_alarm_cannot_be_marked(adaptation, detector):
    detection = detector.detect(BOX)
    grid = np.full_like(detection.raw_score_grid, 3 * detection.threshold)
    grid[grid.shape[0] // 2, grid.shape[1] // 2] = 0
    surrounded = detection.with_raw_score(grid)
    adaptation.remember(RecentFrame("", 0, BOX, surrounded, RULE))
    hole = surrounded.score < 1
    assert hole.any()
    answer = adaptation.mark_pixels("", 0, hole.astype(np.uint8), guard=False)
    assert not answer.success and "places that show another alarm too" in answer.message


def test_the_self_test_says_what_a_mark_costs(adaptation, detector):
    for second in range(0, 30, 2):
        add_frame(adaptation, detector, QUIET, second * SECOND)
    add_frame(adaptation, detector, BOX, 30 * SECOND)
    answer = adaptation.mark_alarms("", guard=True)
    assert "things painted into 6 stored frames" in answer.message
    assert "before the mark" in answer.message


def test_without_a_quiet_frame_the_self_test_says_so(adaptation, detector):
    add_frame(adaptation, detector, BOX)
    assert "self-test: not possible" in adaptation.mark_alarms("", guard=True).message


def test_the_guard_refuses_unless_it_is_off(adaptation, detector):
    add_frame(adaptation, detector, ON_ROAD)
    answer = adaptation.mark_alarms("", guard=True)
    assert not answer.success
    assert "may be an obstacle on the road" in answer.message
    assert adaptation.marks == ()
    assert adaptation.mark_alarms("", guard=False).success
    assert adaptation.marks[0].forced


def test_marks_are_in_the_file_after_save_alone(adaptation, detector, bundle, tmp_path):
    path = tmp_path / "marks.jsonl"
    add_frame(adaptation, detector, BOX)
    adaptation.mark_alarms("", guard=True)
    assert not path.exists() and adaptation.unsaved == 1
    assert adaptation.save().success
    assert adaptation.unsaved == 0
    other = Detector(bundle, provider="cpu")
    again = open_adaptation(other, path, who="another", limit=50)
    assert other.detect(BOX).score.tobytes() == detector.detect(BOX).score.tobytes()
    assert again.forget().success
    assert not again.undo().success and not again.forget().success
    add_frame(again, other, BOX)
    again.mark_alarms("", guard=True)
    assert [mark.number for mark in again.marks] == [2]


def test_a_file_that_cannot_be_written_is_an_answer(detector, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    adaptation = open_adaptation(detector, folder / "marks.jsonl", who="a test", limit=50)
    folder.rmdir()
    answer = adaptation.save()
    assert not answer.success and "cannot be written" in answer.message


def test_the_limit_of_a_layer_holds(detector, tmp_path):
    adaptation = open_adaptation(detector, tmp_path / "marks.jsonl", who="a test", limit=1)
    scores = detector.detect(BOX).score.tobytes()
    add_frame(adaptation, detector, BOX)
    answer = adaptation.mark_alarms("", guard=True)
    assert not answer.success and "at most 1 may be added" in answer.message
    assert detector.detect(BOX).score.tobytes() == scores


def test_a_mask_belongs_to_the_frame_of_its_stamp_and_camera(adaptation, detector):
    mask = np.zeros((180, 320), np.uint8)
    mask[100:130, 4:44] = 1
    add_frame(adaptation, detector, BOX, 5, camera="front")
    add_frame(adaptation, detector, QUIET, 6, camera="front")

    def refusal(camera, stamp, pixels):
        answer = adaptation.mark_pixels(camera, stamp, pixels, guard=True)
        assert not answer.success
        return answer.message

    assert "no recent frame has the stamp 7 ns" in refusal("front", 7, mask)
    assert "there is no result yet" in refusal("rear", 5, mask)
    assert "10 x 10 pixels; 320 x 180" in refusal("front", 5, mask[:10, :10])
    assert "marks no pixel" in refusal("front", 5, np.zeros_like(mask))
    assert adaptation.mark_pixels("front", 5, mask, guard=True).success
    assert detector.detect(BOX).score.max() < 1
    assert "nothing was added" in refusal("front", 5, mask)


def test_what_alarms_nowhere_cannot_be_marked(adaptation, detector):
    assert "no result yet" in adaptation.mark_alarms("", guard=True).message
    add_frame(adaptation, detector, QUIET)
    assert "nothing is above the alarm line" in adaptation.mark_alarms("", guard=True).message


def test_a_damaged_file_is_refused(detector, tmp_path):
    path = tmp_path / "marks.jsonl"
    path.write_text("{}\n")
    with pytest.raises(MarksError, match="damaged"):
        open_adaptation(detector, path, who="a test", limit=50)


def test_other_banks_are_for_one_frame_alone(detector, bundle):
    own = detector.detect(BOX).score.tobytes()
    few = {name: bank[:1] for name, bank in bundle.banks.items()}
    other = detector.detect(QUIET, banks=few).score
    assert other.max() > detector.detect(QUIET).score.max()
    assert detector.detect(BOX).score.tobytes() == own
    detector.set_banks(few)
    assert detector.detect(QUIET).score.tobytes() == other.tobytes()
    with pytest.raises(ValueError, match="bank_c9"):
        detector.detect(BOX, banks={"bank_c9": few["bank_c4"]})


def test_frames_go_on_beside_a_mark(adaptation, detector):
    add_frame(adaptation, detector, QUIET)
    add_frame(adaptation, detector, BOX, SECOND)
    quiet = detector.detect(QUIET).score.tobytes()
    marking = threading.Thread(target=adaptation.mark_alarms, args=("",), kwargs={"guard": True})
    marking.start()
    while marking.is_alive():
        add_frame(adaptation, detector, QUIET, 2 * SECOND)
    marking.join()
    assert len(adaptation.marks) == 1
    adaptation.undo()
    assert detector.detect(QUIET).score.tobytes() == quiet


def test_a_flood_of_requests_is_refused_and_not_queued(adaptation, detector):
    add_frame(adaptation, detector, QUIET)
    answers = []
    with adaptation._action:  # one that takes its time
        threads = [
            threading.Thread(target=lambda: answers.append(adaptation.undo())) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        end = monotonic() + 10
        while len(answers) < 20 - MOST_WAITING and monotonic() < end:
            sleep(0.01)
        assert len(answers) == 20 - MOST_WAITING
        assert all("try again later" in answer.message for answer in answers)
    for thread in threads:
        thread.join()
    assert sum("no mark to undo" in answer.message for answer in answers) == MOST_WAITING
    assert "no mark to undo" in adaptation.undo().message


def test_few_frames_are_kept_and_quiet_ones_are_apart(bundle, detector, monkeypatch):
    frames = RecentFrames(bundle)
    quiet, loud = detector.detect(QUIET), detector.detect(BOX)
    for number in range(50):
        frames.add(RecentFrame("", number * SECOND, QUIET, quiet, RULE))
    assert frames.at(29 * SECOND) is None and frames.at(30 * SECOND) is not None
    assert len(frames.quiet()) == recent_frames.MOST_QUIET
    assert frames.quiet()[0].image.shape[:2] == bundle.input_size
    frames = RecentFrames(bundle)
    frames.add(RecentFrame("", 0, BOX, loud, RULE))
    assert frames.quiet() == ()
    monkeypatch.setattr(recent_frames, "MOST_BYTES", 2 * BOX.nbytes)
    for number in range(5):
        frames.add(RecentFrame("", number, BOX, loud, RULE))
    assert [frames.at(n) is not None for n in range(5)] == [False, False, False, True, True]


def test_things_are_painted_on_the_ground_and_labelled_where_they_are():
    ground = np.zeros((180, 320), bool)
    ground[100:, 100:220] = True
    drawn = paint_things(QUIET, ground, QUIET, 3, np.random.default_rng(1))
    picture, thing = drawn
    changed = np.abs(picture.astype(int) - QUIET).max(axis=2) > 0
    assert set(np.unique(thing)) <= {0, 1, 2, 3} and thing.any()
    assert changed[thing > 0].mean() > 0.95
    # A soft edge goes a few pixels beyond the label, and no farther.
    near = cv2.dilate((thing > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert not changed[~near].any()
    feet = [np.nonzero(thing == n)[0].max() for n in np.unique(thing) if n]
    assert min(feet) >= 97
    again = paint_things(QUIET, ground, QUIET, 3, np.random.default_rng(1))
    assert np.array_equal(again[0], picture)
