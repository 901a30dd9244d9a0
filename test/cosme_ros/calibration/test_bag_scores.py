# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from helpers.normal_bag import TOPIC, write_normal_bag
from helpers.small_bag import START
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from rosbags.rosbag2 import StoragePlugin

from cosme_ros import topics
from cosme_ros.bags.reading import BagError, read_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration import bag_scores
from cosme_ros.calibration.bag_scores import (
    LABEL_DAMAGED,
    REPEATED,
    WITH_ANOMALIES,
    WITHOUT_LABEL,
    DriveScores,
    score_bag,
)
from cosme_ros.calibration.bag_survey import Scoring, SurveyedBag, survey
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.postprocessing.obstacles import find_obstacles

SCORING = Scoring((TOPIC,), topics.CAMERA_LABELS, "everything", 20)


def ignore(*_: object) -> None:
    pass


def surveyed(path: Path, scoring: Scoring = SCORING) -> SurveyedBag:
    return survey(path, scoring, on_frames=ignore, on_warning=pytest.fail)


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def detector(bundle_folder) -> Detector:
    return Detector(load_bundle(bundle_folder), provider="cpu", false_positive_rate=0.5, threads=1)


def scored(path: Path, detector: Detector, scoring: Scoring = SCORING) -> dict[str, DriveScores]:
    """Without a trace."""
    bag = surveyed(path, scoring)
    with TemporaryDirectory() as kept:
        return score_bag(bag, detector, scoring, list(bag.stamps), Path(kept), on_frames=ignore)


def test_alarm_scores_part_the_lines_that_alarm_from_those_that_do_not(
    tmp_path, detector, bundle_folder
) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=4, anomalous=(2,))
    (found,) = scored(bag, detector).values()
    bundle = load_bundle(bundle_folder)
    lowest, highest = bundle.calibration.rates
    for rate in (lowest, 0.01, 0.1, highest):
        at_rate = Detector(bundle, provider="cpu", false_positive_rate=rate, threads=1)
        for frame, alarm in zip(read_frames(bag, TOPIC), found.drive.alarm_scores, strict=True):
            score = at_rate.detect(frame.image).score
            alarms = bool(find_obstacles(score, region=None, minimum_area=20)[1])
            assert alarms == (alarm >= at_rate.threshold)
    assert found.drive.stamps.tolist() == [START + i * 100_000_000 for i in range(4)]
    assert found.drive.seconds == pytest.approx(0.4)
    assert found.size == (160, 240)
    grid = detector.detect(street_frame(160, 240)).raw_score_grid
    assert found.counts.pixels == 4 * grid.size


def test_the_region_is_the_node_s(tmp_path, detector) -> None:
    """What is anomalous beside the road alarms everywhere, but not on the drivable area."""
    bag = write_normal_bag(tmp_path / "bag", frames=3)
    (everywhere,) = scored(bag, detector).values()
    (on_road,) = scored(bag, detector, replace(SCORING, region="drivable")).values()
    assert (on_road.drive.alarm_scores <= everywhere.drive.alarm_scores).all()
    assert (on_road.drive.alarm_scores < everywhere.drive.alarm_scores).any()


def test_frames_with_labelled_anomalies_are_left_out(tmp_path, detector) -> None:
    bag = write_normal_bag(
        tmp_path / "bag", frames=10, anomalous=(3, 4), labelled=(0, 1, 2, 3, 4, 5, 6)
    )
    (found,) = scored(bag, detector).values()
    assert found.left_out == {WITH_ANOMALIES: 2, WITHOUT_LABEL: 3}
    assert len(found.drive.stamps) == 5
    assert found.drive.seconds == pytest.approx(0.5)
    (without,) = scored(bag, detector, replace(SCORING, label_topic="")).values()
    assert without.left_out == {} and len(without.drive.stamps) == 10


def test_every_camera_has_its_own_scores(tmp_path, detector) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=3, cameras=("front", "rear"))
    found = scored(bag, detector)
    assert list(found) == ["front", "rear"]
    assert all(len(camera.drive.stamps) == 3 for camera in found.values())
    alone = score_bag(
        surveyed(bag), detector, SCORING, ["rear"], tmp_path / "kept", on_frames=ignore
    )
    assert list(alone) == ["rear"]
    assert (alone["rear"].drive.alarm_scores == found["rear"].drive.alarm_scores).all()
    assert (found["front"].drive.alarm_scores != found["rear"].drive.alarm_scores).any()


def test_a_clock_that_stands_still_for_a_while_gives_no_drive_there(tmp_path, detector) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=4, stamps=[START] * 3 + [START + 100_000_000])
    (found,) = scored(bag, detector).values()
    assert found.left_out == {REPEATED: 2}
    assert found.drive.seconds == pytest.approx(0.2)


def test_stamps_that_go_backwards_are_put_in_order(tmp_path, detector) -> None:
    stamps = [START + i * 100_000_000 for i in (2, 3, 0, 1)]
    bag = write_normal_bag(tmp_path / "bag", frames=4, stamps=stamps)
    (found,) = scored(bag, detector).values()
    assert found.drive.stamps.tolist() == sorted(stamps)
    plain = write_normal_bag(tmp_path / "plain", frames=4)
    (in_order,) = scored(plain, detector).values()
    assert found.drive.alarm_scores[[2, 3, 0, 1]].tolist() == in_order.drive.alarm_scores.tolist()


class Impatient:
    """A detector whose user presses Ctrl-C in the middle of its nth frame."""

    def __init__(self, detector: Detector, frames: int) -> None:
        self._detector = detector
        self._left = frames

    def __getattr__(self, name: str):
        return getattr(self._detector, name)

    def detect(self, image: np.ndarray) -> Detection:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        return self._detector.detect(image)


def as_numbers(scores: dict[str, DriveScores]) -> list:
    return [
        (
            camera,
            found.drive.stamps.tolist(),
            found.drive.alarm_scores.tolist(),
            found.drive.seconds,
            [bins.tolist() for bins in found.counts.to_sparse()],
            found.size,
            list(found.left_out.items()),
        )
        for camera, found in scores.items()
    ]


@pytest.mark.parametrize("temporal", ["none", "flow"])
def test_wherever_it_is_stopped_it_goes_on_to_the_same_scores(
    tmp_path, detector, monkeypatch, temporal
) -> None:
    scoring = replace(SCORING, temporal=temporal)
    monkeypatch.setattr(bag_scores, "CHECKPOINT_SECONDS", 0.0)
    stamps = [START + i * 100_000_000 for i in (0, 1, 2, 1, 3, 4, 5, 6, 7, 8)]
    bag = surveyed(
        write_normal_bag(
            tmp_path / "bag", frames=10, stamps=stamps, anomalous=(2,), labelled=range(9)
        )
    )
    cameras = list(bag.stamps)
    whole = score_bag(bag, detector, scoring, cameras, tmp_path / "whole", on_frames=ignore)
    used = len(whole["camera"].drive.stamps)
    assert used == 7 and len(whole["camera"].left_out) == 3
    for frames in range(1, used + 1):
        kept = tmp_path / f"kept_{frames}"
        interrupts = 0
        while True:
            hasty = Impatient(detector, frames)
            try:
                again = score_bag(bag, hasty, scoring, cameras, kept, on_frames=ignore)
            except KeyboardInterrupt:
                interrupts += 1
            else:
                break
        assert interrupts == (used - 1) // frames, "some frame was done twice, or never"
        assert as_numbers(again) == as_numbers(whole)
    # What is done needs no detector.
    again = score_bag(bag, Impatient(detector, 0), scoring, cameras, kept, on_frames=ignore)
    assert as_numbers(again) == as_numbers(whole)


def test_what_was_kept_of_something_else_is_not_taken(tmp_path, detector, monkeypatch) -> None:
    monkeypatch.setattr(bag_scores, "CHECKPOINT_SECONDS", 0.0)
    kept = tmp_path / "kept"
    path = write_normal_bag(tmp_path / "bag", frames=4)
    bag = surveyed(path)
    with pytest.raises(KeyboardInterrupt):
        score_bag(bag, Impatient(detector, 2), SCORING, ["camera"], kept, on_frames=ignore)
    other_settings = replace(SCORING, minimum_area=21)
    (path / "note.txt").write_text("another file of the bag")
    for other_bag, scoring in ((bag, other_settings), (surveyed(path), SCORING)):
        fresh = Impatient(detector, 3)
        with pytest.raises(KeyboardInterrupt):  # at the fourth frame, not done before
            score_bag(other_bag, fresh, scoring, ["camera"], kept, on_frames=ignore)
    assert len(list(kept.iterdir())) == 3


def test_a_spoilt_file_of_scores_is_made_again(tmp_path, detector) -> None:
    bag = surveyed(write_normal_bag(tmp_path / "bag", frames=3))
    kept = tmp_path / "kept"
    whole = score_bag(bag, detector, SCORING, ["camera"], kept, on_frames=ignore)
    (file,) = kept.iterdir()
    for content in (b"", file.read_bytes()[:200], b"rubbish"):
        file.write_bytes(content)
        again = score_bag(bag, detector, SCORING, ["camera"], kept, on_frames=ignore)
        assert as_numbers(again) == as_numbers(whole)


def test_a_bag_that_changes_meanwhile_is_refused(tmp_path, detector) -> None:
    path = write_normal_bag(tmp_path / "bag", frames=12)
    bag = surveyed(path)
    (file,) = path.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BagError, match=r"held 12 pictures when it was looked through, and \d now"):
        score_bag(bag, detector, SCORING, ["camera"], tmp_path / "kept", on_frames=ignore)


def test_labels_that_cannot_be_read_leave_their_frames_out(tmp_path, detector) -> None:
    path = write_normal_bag(
        tmp_path / "bag", frames=3, labelled=range(3), storage=StoragePlugin.SQLITE3
    )
    with closing(sqlite3.connect(next(path.glob("*.db3")))) as database:
        ((content,),) = database.execute("SELECT data FROM messages WHERE id = 4")
        changed = content.replace(b"mono8", b"rgb88", 1)
        assert changed != content
        database.execute("UPDATE messages SET data = ? WHERE id = 4", (changed,))
        database.commit()
    (found,) = scored(path, detector).values()
    assert found.left_out == {LABEL_DAMAGED: 1} and len(found.drive.stamps) == 2
