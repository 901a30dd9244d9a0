# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ROS 1 bags, written by rosbags, read as the same drive in a rosbag2 bag is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import label, picture, stamp_of_frame, write_small_bag
from helpers.video_bag import LOSSLESS_H264, VIDEO_TOPIC, encode
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from cosme_ros import topics
from cosme_ros.bags import storage_rosbag1
from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings
from cosme_ros.bags.reading import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, Bag, BagError, picture_of
from cosme_ros.messages.video_packets import COMPRESSED_VIDEO, FFMPEG_PACKET

OLD = get_typestore(Stores.ROS1_NOETIC)
for name, definition in storage_rosbag1._DEFINITIONS.items():
    OLD.register(get_types_from_msg(definition, name))
HEIGHT, WIDTH, FRAMES = 90, 160, 6
INTRINSICS = np.arange(9.0)


def header(index):
    time = OLD.types["builtin_interfaces/msg/Time"](*divmod(stamp_of_frame(index), 1_000_000_000))
    return OLD.types["std_msgs/msg/Header"](seq=index, stamp=time, frame_id="camera")


def image(index, array, encoding):
    return OLD.types[IMAGE](
        header=header(index),
        height=array.shape[0],
        width=array.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=array.strides[0],
        data=np.ascontiguousarray(array).reshape(-1),
    )


def compressed(index):
    pixels = picture(index, HEIGHT, WIDTH)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].reshape(-1)
    return OLD.types[COMPRESSED_IMAGE](
        header=header(index), format="bgr8; jpeg compressed bgr8", data=data
    )


def camera_info(index):
    region = OLD.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return OLD.types[CAMERA_INFO](
        header=header(index),
        height=HEIGHT,
        width=WIDTH,
        distortion_model="plumb_bob",
        D=np.zeros(5),
        K=INTRINSICS,
        R=INTRINSICS,
        P=np.arange(12.0),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def video(index, kind, data):
    pixels = np.frombuffer(data, np.uint8)
    head = header(index)
    if kind == COMPRESSED_VIDEO:
        return OLD.types[kind](timestamp=head.stamp, frame_id="camera", data=pixels, format="h264")
    return OLD.types[kind](
        header=head,
        data=pixels,
        img_width=WIDTH,
        img_height=HEIGHT,
        encoding="libx264",
        pts=index,
        flags=0,
    )


def write(path: Path, entries) -> Path:
    """Entries are index of the frame, topic and message."""
    with Writer(path) as writer:
        connections = {}
        for index, topic, message in entries:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=OLD)
            writer.write(
                connections[topic], stamp_of_frame(index), OLD.serialize_ros1(message, kind)
            )
    return path


@pytest.fixture
def old_bag(tmp_path):
    entries = []
    for index in range(FRAMES):
        entries += [
            (index, topics.CAMERA_IMAGE, compressed(index)),
            (index, topics.CAMERA_INFO, camera_info(index)),
            (index, topics.CAMERA_LABELS, image(index, label(index, HEIGHT, WIDTH), "mono8")),
        ]
    return write(tmp_path / "old.bag", entries)


def frames_of(bag):
    warnings = []
    with BagFrames(
        bag,
        image_topic=None,
        labels=LabelSettings(),
        report=lambda *words: warnings.append(words),
    ) as frames:
        return list(frames.read()), warnings


def test_a_drive_is_read_as_from_a_rosbag2_bag(old_bag, tmp_path):
    new_bag = write_small_bag(tmp_path / "new", frames=FRAMES, height=HEIGHT, width=WIDTH)
    (old, told), (new, _) = frames_of(old_bag), frames_of(new_bag)
    assert not told
    assert len(old) == len(new) == FRAMES
    for one, other in zip(old, new, strict=True):
        assert (one.index, one.stamp, one.bag_time) == (other.index, other.stamp, other.bag_time)
        assert one.header.frame_id == other.header.frame_id
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.label, other.label)


def test_camera_info_has_the_names_of_ros_2(old_bag):
    with Bag(old_bag) as bag:
        (message, *_) = bag.messages([topics.CAMERA_INFO])
        info = bag.decode(message)
        assert bag.duration == pytest.approx((FRAMES - 1) / 10)
    np.testing.assert_array_equal(info.k, INTRINSICS)
    np.testing.assert_array_equal(info.p, np.arange(12.0))
    assert (info.width, info.header.frame_id) == (WIDTH, "camera")


@pytest.mark.parametrize("kind", [COMPRESSED_VIDEO, FFMPEG_PACKET])
def test_video_packets_are_read(tmp_path, kind):
    pictures = [picture(index, HEIGHT, WIDTH) for index in range(FRAMES)]
    path = write(
        tmp_path / "video.bag",
        [
            (index, VIDEO_TOPIC, video(index, kind, data))
            for index, _, data in encode(pictures, LOSSLESS_H264)
        ],
    )
    with Bag(path) as bag:
        found = list(bag.messages([VIDEO_TOPIC]))
    assert [message.stamp for message in found] == [stamp_of_frame(i) for i in range(FRAMES)]
    for message, pixels in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(picture_of(message), pixels)


def test_reading_can_begin_later(old_bag):
    with Bag(old_bag) as bag:
        found = list(bag.messages([topics.CAMERA_IMAGE], start=stamp_of_frame(4)))
    assert [message.stamp for message in found] == [stamp_of_frame(4), stamp_of_frame(5)]


def test_a_type_that_is_not_known_keeps_nobody_from_the_others(tmp_path):
    point = OLD.types["geometry_msgs/msg/Point"](1.0, 2.0, 3.0)
    path = write(
        tmp_path / "mixed.bag", [(0, "/point", point), (0, topics.CAMERA_IMAGE, compressed(0))]
    )
    with Bag(path) as bag:
        assert bag.topics["/point"] == "geometry_msgs/msg/Point"
        assert len(list(bag.messages([topics.CAMERA_IMAGE]))) == 1
        with pytest.raises(BagError, match="1 message on '/point' left out"):
            list(bag.messages(["/point"]))


def test_a_bag_without_an_index_is_refused_with_the_remedy(old_bag):
    content = old_bag.read_bytes()
    old_bag.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(BagError, match="rosbag reindex"):
        Bag(old_bag)


def test_a_damaged_chunk_is_said(old_bag):
    content = bytearray(old_bag.read_bytes())
    at = content.find(b"jpeg compressed")
    content[at - 60 : at + 20] = bytes(80)
    old_bag.write_bytes(bytes(content))
    found, told = frames_of(old_bag)
    assert len(found) < FRAMES
    assert told


def test_a_folder_of_ros_1_bags_names_them(old_bag):
    with pytest.raises(BagError, match=r"ROS 1 bags in it are old\.bag"):
        Bag(old_bag.parent)
