# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import multiprocessing

import cv2
import numpy as np
import pytest
from helpers.small_bag import stamp_of_frame
from helpers.video_bag import LOSSLESS_H264, LOSSLESS_H265, write_video_bag
from rosbags import rosbag1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from cosme_ros.bags.recognition import is_bag
from training.datasets.readers.bag import BagFrames
from training.errors import UsageError

TYPES = get_typestore(Stores.ROS2_HUMBLE)
STORAGES = {StoragePlugin.MCAP: "mcap", StoragePlugin.SQLITE3: "db3"}


def header(stamp):
    time = TYPES.types["builtin_interfaces/msg/Time"](sec=stamp, nanosec=0)
    return TYPES.types["std_msgs/msg/Header"](stamp=time, frame_id="camera")


def raw(image, stamp):
    return TYPES.types["sensor_msgs/msg/Image"](
        header=header(stamp),
        height=image.shape[0],
        width=image.shape[1],
        encoding="rgb8",
        is_bigendian=0,
        step=image.shape[1] * 3,
        data=np.ascontiguousarray(image[..., ::-1]).reshape(-1),
    )


def compressed(image, stamp):
    return TYPES.types["sensor_msgs/msg/CompressedImage"](
        header=header(stamp), format="png", data=cv2.imencode(".png", image)[1].reshape(-1)
    )


def text(value, _):
    return TYPES.types["std_msgs/msg/String"](data=str(value))


def write(path, messages, storage=StoragePlugin.MCAP):
    """Write (topic, stamp in s, maker, content) in that order."""
    with Writer(path, version=8, storage_plugin=storage) as writer:
        connections = {}
        for topic, stamp, maker, content in messages:
            message = maker(content, stamp)
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], stamp, TYPES.serialize_cdr(message, kind))


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (8, 10, 3), np.uint8)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("maker", [raw, compressed])
def test_reads_frames_of_the_only_image_topic(tmp_path, storage, maker):
    messages = [("/camera", 1 + i, maker, picture(i)) for i in range(5)]
    messages.insert(2, ("/speech", 3, text, "hello"))
    messages.append(("/camera/labels", 9, raw, picture(9)))
    write(tmp_path / "bag", messages, storage)
    for path in (tmp_path / "bag", tmp_path / "bag" / f"bag.{STORAGES[storage]}"):
        with BagFrames(path) as frames:
            assert frames.topic == "/camera"
            assert len(frames) == 5
            for index in (0, 1, 2, 4, 1, 1, 3, -1):
                np.testing.assert_array_equal(frames[index], picture(index % 5))


def test_frames_of_equal_time_are_kept_apart(tmp_path):
    write(tmp_path / "bag", [("/camera", 1, raw, picture(i)) for i in range(3)])
    with BagFrames(tmp_path / "bag") as frames:
        for index in (2, 0, 1):
            np.testing.assert_array_equal(frames[index], picture(index))


def test_index_past_the_end_stops_iteration(tmp_path):
    write(tmp_path / "bag", [("/camera", i, raw, picture(i)) for i in range(3)])
    with BagFrames(tmp_path / "bag") as frames:
        assert len(list(frames)) == 3
        with pytest.raises(IndexError):
            frames[3]


def _last_frame(frames, queue):
    queue.put(frames[len(frames) - 1])


def test_forked_process_reads_without_disturbing_its_parent(tmp_path):
    write(tmp_path / "bag", [("/camera", i, raw, picture(i)) for i in range(6)])
    fork = multiprocessing.get_context("fork")
    with BagFrames(tmp_path / "bag") as frames:
        np.testing.assert_array_equal(frames[0], picture(0))
        queue = fork.Queue()
        worker = fork.Process(target=_last_frame, args=(frames, queue))
        worker.start()
        np.testing.assert_array_equal(queue.get(timeout=20), picture(5))
        worker.join()
        np.testing.assert_array_equal(frames[1], picture(1))


def test_several_image_topics_are_listed(tmp_path):
    write(tmp_path / "bag", [("/left", 1, raw, picture(1)), ("/right", 1, compressed, picture(2))])
    with pytest.raises(UsageError, match="choose one with --topic: /left, /right"):
        BagFrames(tmp_path / "bag")
    with BagFrames(tmp_path / "bag", "/right") as frames:
        np.testing.assert_array_equal(frames[0], picture(2))
    with pytest.raises(UsageError, match="no image topic /up; its image topics: /left, /right"):
        BagFrames(tmp_path / "bag", "/up")


def test_bag_without_images(tmp_path):
    write(tmp_path / "bag", [("/speech", 1, text, "hello")])
    with pytest.raises(UsageError, match="has no topic of type sensor_msgs/msg/Image"):
        BagFrames(tmp_path / "bag")


def test_damaged_bag(tmp_path):
    (tmp_path / "bad.mcap").write_bytes(b"this is no bag")
    with pytest.raises(UsageError, match=r"bad\.mcap cannot be read as a rosbag2"):
        BagFrames(tmp_path / "bad.mcap")


def test_undecodable_frame_is_named_with_topic_and_time(tmp_path):
    def broken(_, stamp):
        return TYPES.types["sensor_msgs/msg/CompressedImage"](
            header=header(stamp), format="jpeg", data=np.zeros(9, np.uint8)
        )

    write(tmp_path / "bag", [("/camera", 5, broken, None)])
    with (
        BagFrames(tmp_path / "bag") as frames,
        pytest.raises(UsageError, match=r"at 5 ns: 9 bytes that begin with .* none of the formats"),
    ):
        frames[0]


@pytest.mark.parametrize("encoder", [LOSSLESS_H264, LOSSLESS_H265])
def test_video_packets_are_read_in_any_order(tmp_path, encoder):
    """A jump begins at a key frame before; the pictures are those of reading in order."""
    noise = np.random.default_rng(0).integers(0, 255, (130, 230, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 3)
    images = [texture[i : i + 96, 2 * i : 2 * i + 160].copy() for i in range(20)]
    stamps = [stamp_of_frame(index) for index in range(20)]
    path = write_video_bag(tmp_path / "bag", images, stamps, encoder=encoder)
    with BagFrames(path) as frames:
        assert len(frames) == 20 and frames.stamps() == stamps
        for index in (0, 1, 19, 7, 8, 3, 12, 11, 16):
            np.testing.assert_array_equal(frames[index], images[index])


def test_a_ros_1_bag_is_read(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    kind = "sensor_msgs/msg/CompressedImage"
    image = picture(0)
    time = store.types["builtin_interfaces/msg/Time"](sec=1, nanosec=0)
    message = store.types[kind](
        header=store.types["std_msgs/msg/Header"](seq=0, stamp=time, frame_id="camera"),
        format="png",
        data=cv2.imencode(".png", image)[1].reshape(-1),
    )
    with rosbag1.Writer(tmp_path / "drive.bag") as writer:
        connection = writer.add_connection("/camera", kind, typestore=store)
        writer.write(connection, 10**9, store.serialize_ros1(message, kind))
    assert is_bag(tmp_path / "drive.bag")
    with BagFrames(tmp_path / "drive.bag") as frames:
        np.testing.assert_array_equal(frames[0], image)
