# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.normal_bag import TOPIC, write_normal_bag
from helpers.small_bag import (
    START,
    TYPES,
    camera_info_message,
    image_message,
    stamp_of_frame,
)
from helpers.tiny_bundle import street_frame
from helpers.video_bag import VIDEO_TOPIC, write_video_bag
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.reading import CAMERA_INFO, IMAGE, Bag, BagError, frame_id_of
from cosme_ros.calibration import bag_scores
from cosme_ros.calibration.bag_survey import Scoring, SurveyedBag, check_distinct, survey

SCORING = Scoring((TOPIC,), topics.CAMERA_LABELS, "everything", 20)


def surveyed(path: Path, scoring: Scoring = SCORING) -> SurveyedBag:
    return survey(path, scoring, on_frames=lambda _: None, on_warning=pytest.fail)


def test_one_drive_is_not_two(tmp_path) -> None:
    first = surveyed(write_normal_bag(tmp_path / "one"))
    other = surveyed(write_normal_bag(tmp_path / "other", seed=1))
    again = surveyed(write_normal_bag(tmp_path / "again", frames=3))
    check_distinct([first, other])
    with pytest.raises(BagError, match=r"one and .*again hold the same frames; .* give each once"):
        check_distinct([first, other, again])


def test_a_bag_without_the_topic_says_what_it_has(tmp_path) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=1)
    with pytest.raises(BagError, match=f"no topic '/front/image'. It has: {TOPIC}"):
        surveyed(bag, replace(SCORING, image_topics=("/front/image",)))


def test_a_label_topic_of_another_type_is_refused_before_the_work(tmp_path) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=1)
    info = replace(SCORING, label_topic="/info")
    with Writer(tmp_path / "other", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, message in (
            (TOPIC, image_message(START, street_frame(160, 240), "bgr8")),
            ("/info", camera_info_message(START, 160, 240)),
        ):
            kind = message.__msgtype__
            connection = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connection, START, TYPES.serialize_cdr(message, kind))
    with pytest.raises(BagError, match=f"'/info' of bag .* is of type {CAMERA_INFO}, but must be"):
        surveyed(tmp_path / "other", info)
    assert surveyed(bag, info).frames == 1  # which has no labels


def test_frame_ids_are_read_from_the_bytes(tmp_path) -> None:
    path = write_normal_bag(tmp_path / "bag", frames=1, cameras=("vorne/optisch-ü", ""))
    with Bag(path) as bag:
        for message in bag.messages([TOPIC]):
            assert frame_id_of(message.cdr) == bag.decode(message).header.frame_id


def test_a_flipped_bit_in_a_frame_id_is_no_camera(tmp_path) -> None:
    path = write_normal_bag(tmp_path / "sound", frames=40)
    with (
        Bag(path) as bag,
        Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer,
    ):
        connection = writer.add_connection(TOPIC, IMAGE, typestore=TYPES)
        for index, message in enumerate(bag.messages([TOPIC])):
            cdr = message.cdr.replace(b"camera", b"camfra", 1) if index == 7 else message.cdr
            writer.write(connection, message.bag_time, cdr)
    complaints: list[str] = []
    found = survey(
        tmp_path / "bag", SCORING, on_frames=lambda _: None, on_warning=complaints.append
    )
    assert list(found.stamps) == ["camera"] and len(found.stamps["camera"]) == 39
    assert "frame_id is 'camfra' and not 'camera'" in complaints[0]


def test_stamps_that_are_all_the_same_are_named(tmp_path) -> None:
    bag = write_normal_bag(tmp_path / "bag", frames=4, stamps=[0, 0, 0, 0])
    with pytest.raises(
        BagError, match=r"all 4 pictures of camera 'camera' .* the same stamp, 0 ns"
    ):
        surveyed(bag)


def test_video_packets_are_counted_as_they_are_scored(tmp_path) -> None:
    """Looked through without decoding, and decoded when they are scored: the same frames."""
    images = [street_frame(96, 160, seed=index) for index in range(8)]
    stamps = [stamp_of_frame(index) for index in range(8)]
    bag = write_video_bag(tmp_path / "bag", images, stamps, change=lambda packets: packets[1:])
    scoring = replace(SCORING, image_topics=(VIDEO_TOPIC,))
    found = surveyed(bag, scoring)
    pictures = list(bag_scores._pictures(bag, scoring))
    assert found.frames == len(found.pictures) == len(pictures) == 7
    assert found.stamps["camera"].tolist() == [each.stamp for each in pictures] == stamps[1:]
    assert {each.camera for each in pictures} == {"camera"}
