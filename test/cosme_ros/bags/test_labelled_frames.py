# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import (
    TYPES,
    camera_info_message,
    compressed_message,
    image_message,
    label,
    picture,
    stamp_of_frame,
    write_small_bag,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings, at_size
from cosme_ros.bags.reading import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, BagError
from cosme_ros.evaluation.results import WarningLog
from cosme_ros.messages.images import decode_compressed
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS


def read(bag: Path, *, image_topic=None, **labels):
    warnings = WarningLog()
    with BagFrames(
        bag, image_topic=image_topic, labels=LabelSettings(**labels), report=warnings.add
    ) as frames:
        return list(frames.read()), warnings.sentences()


def write_bag(folder: Path, messages) -> Path:
    """A bag of (topic, message), the nth at n nanoseconds."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for bag_time, (topic, message) in enumerate(messages):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], bag_time, TYPES.serialize_cdr(message, kind))
    return folder


def test_every_frame_with_its_label(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=4, labels_lag=2)
    frames, warnings = read(bag)
    assert warnings == []
    for index, frame in enumerate(frames):
        assert (frame.index, frame.stamp) == (index, stamp_of_frame(index))
        sent = decode_compressed(compressed_message(frame.stamp, picture(index, 180, 320)))
        np.testing.assert_array_equal(frame.image, sent)
        np.testing.assert_array_equal(frame.label, label(index, 180, 320))
    assert len(frames) == 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("from_folder", [True, False])
def test_ids_say_what_is_an_anomaly(tmp_path: Path, dtype, from_folder: bool) -> None:
    ids = np.array([[0, 2, 3], [9, 255, 7]], dtype)
    if dtype == np.uint16:
        ids[1, 0] = 40_000
    stamp = stamp_of_frame(0)
    messages = [(CAMERA_IMAGE, compressed_message(stamp, picture(0, 180, 320)))]
    settings = {"anomaly_ids": (2, int(ids[1, 0])), "ignored_ids": (7, 0)}
    if from_folder:
        settings["folder"] = tmp_path / "labels"
        settings["folder"].mkdir()
        cv2.imwrite(str(settings["folder"] / f"{stamp}.png"), ids)
    else:
        encoding = "mono8" if dtype == np.uint8 else "mono16"
        messages.append((CAMERA_LABELS, image_message(stamp, ids, encoding)))
    (frame,), warnings = read(write_bag(tmp_path / "bag", messages), **settings)
    np.testing.assert_array_equal(frame.label, [[255, 1, 0], [1, 0, 255]])
    assert len(warnings) == 1 and "labels are 3x2 pixels" in warnings[0]


def test_big_endian_and_padded_labels(tmp_path: Path) -> None:
    stamp = stamp_of_frame(0)
    rows = np.zeros((2, 4), ">u2")
    rows[:, :3] = [[1, 0, 255], [0, 1, 0]]
    message = image_message(stamp, rows, "mono16")
    message.is_bigendian, message.width = 1, 3
    bag = write_bag(
        tmp_path / "bag",
        [
            (CAMERA_IMAGE, compressed_message(stamp, picture(0, 180, 320))),
            (CAMERA_LABELS, message),
        ],
    )
    (frame,), _ = read(bag)
    np.testing.assert_array_equal(frame.label, [[1, 0, 255], [0, 1, 0]])


def test_a_folder_of_the_bags_own_name_comes_first(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "drive", frames=2)
    folder = tmp_path / "labels"
    (folder / "drive").mkdir(parents=True)
    ones = np.ones((180, 320), np.uint8)
    cv2.imwrite(str(folder / "drive" / f"{stamp_of_frame(0)}.png"), ones)
    frames, warnings = read(bag, folder=folder)
    assert frames[0].label.all() and frames[1].label is None
    assert warnings == [
        "1 of 2 frames have no label with their stamp; they are judged as frames without labels"
    ]


def test_stamps_that_go_backwards_are_told_and_read(tmp_path: Path) -> None:
    order = (0, 1, 4, 2, 3, 5)
    messages = [
        pair
        for index in order
        for pair in (
            (CAMERA_IMAGE, compressed_message(stamp_of_frame(index), picture(index, 180, 320))),
            (CAMERA_LABELS, image_message(stamp_of_frame(index), label(index, 180, 320), "mono8")),
        )
    ]
    frames, warnings = read(write_bag(tmp_path / "bag", messages))
    assert [frame.stamp for frame in frames] == [stamp_of_frame(index) for index in order]
    for index, frame in zip(order, frames, strict=True):
        np.testing.assert_array_equal(frame.label, label(index, 180, 320))
    assert len(warnings) == 1 and "backwards at frame 3" in warnings[0]


def test_missing_labels_are_counted(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=6, skipped_labels=(1, 4))
    frames, warnings = read(bag)
    assert [frame.label is None for frame in frames] == [False, True, False, False, True, False]
    assert len(warnings) == 1 and warnings[0].startswith("2 of 6 frames have no label")


def test_a_label_without_a_picture_is_left_out(tmp_path: Path) -> None:
    stamps = [stamp_of_frame(index) for index in range(3)]
    messages = [(CAMERA_LABELS, image_message(s, label(0, 180, 320), "mono8")) for s in stamps]
    messages.insert(1, (CAMERA_IMAGE, compressed_message(stamps[0], picture(0, 180, 320))))
    frames, warnings = read(write_bag(tmp_path / "bag", messages))
    assert len(frames) == 1
    assert len(warnings) == 1 and warnings[0].endswith("(and 1 more like it)")


def test_damaged_pictures_and_labels_cost_themselves_only(tmp_path: Path) -> None:
    messages = []
    for index in range(5):
        stamp = stamp_of_frame(index)
        image = compressed_message(stamp, picture(index, 180, 320))
        of_frame = image_message(stamp, label(index, 180, 320), "mono8")
        if index in (1, 2):
            image.data = image.data[:500]
        if index == 3:
            of_frame.data = of_frame.data[:500]
        if index == 4:
            of_frame.encoding = "rgb8"
        messages += [(CAMERA_IMAGE, image), (CAMERA_LABELS, of_frame)]
    frames, warnings = read(write_bag(tmp_path / "bag", messages))
    assert [(frame.index, frame.label is None) for frame in frames] == [
        (0, False),
        (3, True),
        (4, True),
    ]
    assert any("picture of frame 1" in t and "(and 1 more like it)" in t for t in warnings)
    assert any("label of frame 3" in trouble and "500 bytes" in trouble for trouble in warnings)


def test_the_only_topic_with_pictures_is_taken(tmp_path: Path) -> None:
    stamp = stamp_of_frame(0)
    image = image_message(stamp, picture(0, 180, 320), "bgr8")
    info = camera_info_message(stamp, 180, 320)
    bag = write_bag(tmp_path / "bag", [("/front/image", image), ("/front/info", info)])
    (frame,), warnings = read(bag)
    np.testing.assert_array_equal(frame.image, picture(0, 180, 320))
    assert frame.label is None and warnings == []


def test_a_wrong_topic_is_refused_with_the_topics_there_are(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=1)
    with pytest.raises(BagError, match=f"no topic '/front'.*{CAMERA_IMAGE}"):
        read(bag, image_topic="/front")
    with pytest.raises(BagError, match=f"of type {CAMERA_INFO}, but must be"):
        read(bag, image_topic="/camera/camera_info")
    stamp = stamp_of_frame(0)
    image = compressed_message(stamp, picture(0, 180, 320))
    both = write_bag(tmp_path / "both", [("/left", image), ("/right", image)])
    with pytest.raises(BagError, match="/left, /right; choose with --image-topic"):
        read(both)
    info = camera_info_message(stamp, 180, 320)
    with pytest.raises(BagError, match=r"no topic of bag .* holds pictures"):
        read(write_bag(tmp_path / "none", [("/info", info)]))


def test_a_label_topic_that_is_none_is_told(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    for topic, sentence in (
        ("/truth", "there is no label topic '/truth'"),
        (CAMERA_IMAGE, f"of type {COMPRESSED_IMAGE}, but must be {IMAGE}"),
    ):
        # The pictures' topic is given, because the label topic is not a candidate for them.
        frames, warnings = read(bag, image_topic=CAMERA_IMAGE, topic=topic)
        assert all(frame.label is None for frame in frames) and len(frames) == 2
        assert len(warnings) == 1 and sentence in warnings[0]
    frames, warnings = read(bag, topic="")
    assert frames[1].label is None and warnings == []


def test_labels_of_another_size_take_the_value_at_each_centre() -> None:
    label_of_two = np.array([[0, 1], [255, 0]], np.uint8)
    grown = at_size(label_of_two, 4, 6)
    np.testing.assert_array_equal(grown, np.kron(label_of_two, np.ones((2, 3), np.uint8)))
    assert at_size(label_of_two, 2, 2) is label_of_two


def test_labels_that_are_all_named_otherwise_are_missed(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    folder = tmp_path / "labels"
    folder.mkdir()
    cv2.imwrite(str(folder / "000000.png"), np.zeros((180, 320), np.uint8))
    frames, told = read(bag, folder=folder)
    assert [frame.label for frame in frames] == [None, None]
    assert f"for example {stamp_of_frame(1)}.png" in str(told)
