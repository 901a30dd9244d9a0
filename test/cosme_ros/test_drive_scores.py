from dataclasses import replace
from pathlib import Path

import pytest
from normal_bag import TOPIC, write_normal_bag
from small_bag import START
from tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros import bag_topics
from cosme_ros.bag_reading import Bag, BagError, frame_id_of, read_frames
from cosme_ros.bundle import load_bundle
from cosme_ros.detector import Detector
from cosme_ros.drive_scores import (
    REPEATED,
    WITH_ANOMALIES,
    WITHOUT_LABEL,
    DriveScores,
    Scoring,
    check_distinct,
    load_scores,
    save_scores,
    score_bag,
    scores_file,
    survey,
)
from cosme_ros.obstacles import find_obstacles

SCORING = Scoring((TOPIC,), bag_topics.CAMERA_LABELS, "everything", 20)


def ignore() -> None:
    pass


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def detector(bundle_folder) -> Detector:
    return Detector(load_bundle(bundle_folder), provider="cpu", false_positive_rate=0.5, threads=1)


def scored(path: Path, detector: Detector, scoring: Scoring = SCORING) -> dict[str, DriveScores]:
    bag = survey(path, scoring, on_frame=ignore)
    return score_bag(bag, detector, scoring, list(bag.stamps), on_frame=ignore)


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
    surveyed = survey(bag, SCORING, on_frame=ignore)
    alone = score_bag(surveyed, detector, SCORING, ["rear"], on_frame=ignore)
    assert list(alone) == ["rear"]
    assert (alone["rear"].drive.alarm_scores == found["rear"].drive.alarm_scores).all()
    assert (found["front"].drive.alarm_scores != found["rear"].drive.alarm_scores).any()


def test_a_clock_that_stands_still_gives_no_drive(tmp_path, detector) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=4, stamps=[START] * 4)
    (found,) = scored(bag, detector).values()
    assert found.left_out == {REPEATED: 3}
    assert found.drive.seconds == 0.0


def test_stamps_that_go_backwards_are_put_in_order(tmp_path, detector) -> None:
    stamps = [START + i * 100_000_000 for i in (2, 3, 0, 1)]
    bag = write_normal_bag(tmp_path / "bag", frames=4, stamps=stamps)
    (found,) = scored(bag, detector).values()
    assert found.drive.stamps.tolist() == sorted(stamps)
    plain = write_normal_bag(tmp_path / "plain", frames=4)
    (in_order,) = scored(plain, detector).values()
    assert found.drive.alarm_scores[[2, 3, 0, 1]].tolist() == in_order.drive.alarm_scores.tolist()


def test_one_drive_is_not_two(tmp_path) -> None:
    first = survey(write_normal_bag(tmp_path / "one"), SCORING, on_frame=ignore)
    other = survey(write_normal_bag(tmp_path / "other", seed=1), SCORING, on_frame=ignore)
    again = survey(write_normal_bag(tmp_path / "again", frames=3), SCORING, on_frame=ignore)
    check_distinct([first, other])
    with pytest.raises(BagError, match=r"one and .*again hold the same frames; .* give each once"):
        check_distinct([first, other, again])


def test_scores_are_kept_as_they_are(tmp_path, detector) -> None:
    bag = survey(
        write_normal_bag(tmp_path / "bag", anomalous=(1,), labelled=range(12)),
        SCORING,
        on_frame=ignore,
    )
    found = score_bag(bag, detector, SCORING, ["camera"], on_frame=ignore)
    file = scores_file(tmp_path / "kept", bag, detector, SCORING, ["camera"])
    save_scores(file, found)
    kept = load_scores(file)["camera"]
    assert kept.drive.stamps.tolist() == found["camera"].drive.stamps.tolist()
    assert kept.drive.alarm_scores.tolist() == found["camera"].drive.alarm_scores.tolist()
    assert kept.drive.seconds == found["camera"].drive.seconds
    assert kept.counts.table() == found["camera"].counts.table()
    assert (kept.size, kept.left_out) == (found["camera"].size, {WITH_ANOMALIES: 1})
    other = replace(SCORING, minimum_area=21)
    assert scores_file(tmp_path / "kept", bag, detector, other, ["camera"]) != file


def test_a_bag_without_the_topic_says_what_it_has(tmp_path) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=1)
    with pytest.raises(BagError, match=f"no topic '/front/image'. It has: {TOPIC}"):
        survey(bag, replace(SCORING, image_topics=("/front/image",)), on_frame=ignore)


def test_frame_ids_are_read_from_the_bytes(tmp_path) -> None:
    path = write_normal_bag(tmp_path / "bag", frames=1, cameras=("vorne/optisch-ü", ""))
    with Bag(path) as bag:
        for message in bag.messages([TOPIC]):
            assert frame_id_of(message.cdr) == bag.decode(message).header.frame_id
