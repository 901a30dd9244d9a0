# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.small_bag import (
    TYPES,
    compressed_message,
    image_message,
    label,
    picture,
    stamp_of_frame,
    write_small_bag,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros.bags.reading import IMAGE, Bag, BagError, read_frames, stamp_of, with_stamp
from cosme_ros.messages.images import decode_compressed
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_INFO, CAMERA_LABELS


def write_images(folder: Path, messages) -> Path:
    """A bag with one topic /image of the given (bag time, message)."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/image", IMAGE, typestore=TYPES)
        for bag_time, message in messages:
            writer.write(connection, bag_time, TYPES.serialize_cdr(message, IMAGE))
    return folder


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_frames_come_in_order_with_their_own_labels(tmp_path: Path, storage) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=5, storage=storage)
    frames = list(read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS))
    assert [frame.stamp for frame in frames] == [stamp_of_frame(index) for index in range(5)]
    for index, frame in enumerate(frames):
        sent = decode_compressed(compressed_message(frame.stamp, picture(index, 180, 320)))
        np.testing.assert_array_equal(frame.image, sent)
        assert frame.label is not None
        np.testing.assert_array_equal(frame.label, label(index, 180, 320))


def test_labels_may_come_late_or_never(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=8, labels_lag=3, skipped_labels=(2, 7))
    frames = list(read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS))
    assert [frame.stamp for frame in frames] == [stamp_of_frame(index) for index in range(8)]
    for index, frame in enumerate(frames):
        if index in (2, 7):
            assert frame.label is None
        else:
            assert frame.label is not None
            np.testing.assert_array_equal(frame.label, label(index, 180, 320))


def test_a_label_far_from_its_frame_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Memory is bounded: at most a window of frames waits for what may never come."""
    bag = write_small_bag(tmp_path / "bag", frames=80, height=32, width=48, labels_lag=60)
    first = next(read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS))
    assert first.stamp == stamp_of_frame(0)
    assert first.label is None


def test_without_a_label_topic_there_are_no_labels(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    assert [frame.label for frame in read_frames(bag, CAMERA_IMAGE)] == [None, None]


def test_a_repeated_stamp_is_a_frame_of_its_own(tmp_path: Path) -> None:
    images = [
        (bag_time, image_message(5, np.full((2, 2, 3), bag_time, np.uint8), "bgr8"))
        for bag_time in (10, 20)
    ]
    frames = list(read_frames(write_images(tmp_path / "bag", images), "/image"))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20]


def test_a_missing_topic_is_answered_with_those_there_are(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=1)
    with pytest.raises(BagError, match="no topic '/front/image'") as refusal:
        list(read_frames(bag, "/front/image"))
    for topic in (CAMERA_IMAGE, CAMERA_LABELS, CAMERA_INFO):
        assert topic in str(refusal.value)


def test_a_topic_of_another_type_is_refused(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=1)
    with pytest.raises(BagError, match="is of type sensor_msgs/msg/CameraInfo, but must be"):
        list(read_frames(bag, CAMERA_INFO))


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"nowhere does not exist"):
        Bag(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match=r"empty cannot be read as a rosbag2 bag"):
        Bag(tmp_path / "empty")


def test_a_truncated_bag_is_refused(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=3)
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(BagError, match=str(bag)):
        list(read_frames(bag, CAMERA_IMAGE))


def test_labels_of_another_encoding_are_refused(tmp_path: Path) -> None:
    bag = write_images(
        tmp_path / "bag", [(1, image_message(1, np.zeros((4, 4), np.uint16), "16UC1"))]
    )
    with Bag(bag) as opened, pytest.raises(BagError, match="is 16UC1, but must be mono8"):
        opened.plane(next(opened.messages(["/image"])), "mono8")


@pytest.mark.parametrize("big_endian", [False, True])
def test_planes_with_padded_rows_and_either_byte_order(tmp_path: Path, big_endian: bool) -> None:
    values = np.array([[0.5, -1.5, 3e8], [1.0, 2.0, 1e-30]], np.float32)
    padded = np.zeros((2, 20), np.uint8)  # rows of 12 bytes, steps of 20
    padded[:, :12] = values.astype(">f4" if big_endian else "<f4").view(np.uint8)
    message = image_message(1, padded, "32FC1")
    message.width, message.is_bigendian = 3, int(big_endian)
    with Bag(write_images(tmp_path / "bag", [(1, message)])) as opened:
        plane = opened.plane(next(opened.messages(["/image"])), "32FC1")
    assert plane.dtype == np.float32
    np.testing.assert_array_equal(plane, values)


def test_a_plane_whose_size_does_not_fit_its_data_is_refused(tmp_path: Path) -> None:
    message = image_message(1, np.zeros((4, 4), np.uint8), "mono8")
    message.height = 5
    sentence = r"data has 16 bytes, but 5 rows of step 4 \(mono8, 4x5\) are 20"
    refusal = pytest.raises(BagError, match=sentence)
    with Bag(write_images(tmp_path / "bag", [(1, message)])) as opened, refusal:
        opened.plane(next(opened.messages(["/image"])), "mono8")


@pytest.mark.parametrize("little_endian", [True, False])
def test_a_stamp_can_be_read_and_replaced_in_the_bytes(little_endian: bool) -> None:
    message = image_message(1_700_000_001_234_567_890, np.eye(3, dtype=np.uint8), "mono8")
    cdr = bytes(TYPES.serialize_cdr(message, IMAGE, little_endian=little_endian))
    assert stamp_of(cdr) == 1_700_000_001_234_567_890
    patched = TYPES.deserialize_cdr(with_stamp(cdr, 42_000_000_007), IMAGE)
    assert (patched.header.stamp.sec, patched.header.stamp.nanosec) == (42, 7)
    assert patched.header.frame_id == "camera"
    np.testing.assert_array_equal(patched.data, message.data)


def test_duration_and_counts(tmp_path: Path) -> None:
    with Bag(write_small_bag(tmp_path / "bag", frames=6, skipped_labels=(1,))) as bag:
        assert bag.duration == pytest.approx(0.5, abs=1e-6)
        assert (bag.count(CAMERA_IMAGE), bag.count(CAMERA_LABELS)) == (6, 5)
        assert bag.count("/nothing") == 0


def test_a_message_whose_bytes_are_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with Bag(write_images(tmp_path / "bag", [(1, image_message(1, np.eye(3), "32FC1"))])) as opened:
        (message,) = opened.messages(["/image"])
        cut = replace(message, cdr=message.cdr[:40])
        for read in (opened.decode, opened.picture):
            with pytest.raises(BagError, match="is damaged"):
                read(cut)
