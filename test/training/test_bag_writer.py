# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import math

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from training.bag_writer import (
    CAMERA_INFO_TOPIC,
    COMPRESSED_TOPIC,
    IMAGE_TOPIC,
    LABEL_TOPIC,
    SCENE_TOPIC,
    START_STAMP_S,
    BagFrame,
    write_bag,
)
from training.datasets.readers.bag import BagFrames
from training.errors import UsageError


def frames(count=3, height=8, width=10):
    rng = np.random.default_rng(0)
    for _ in range(count):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        yield BagFrame(image, rng.integers(0, 3, (height, width), np.uint8))


def read(path):
    """Topic to messages, with the log time of each."""
    found = {}
    with AnyReader([path]) as reader:
        for connection, time, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((time, message))
    return found


@pytest.mark.parametrize("image_format", ["raw", "png"])
def test_lossless_formats_come_back_to_the_bit(tmp_path, image_format):
    assert write_bag(tmp_path / "bag", frames(), rate=10, image_format=image_format) == 3
    with BagFrames(tmp_path / "bag") as back:
        for index, frame in enumerate(frames()):
            np.testing.assert_array_equal(back[index], frame.image)


def test_raw_image_message(tmp_path):
    write_bag(tmp_path / "bag", frames(1), rate=10, image_format="raw")
    ((_, message),) = read(tmp_path / "bag")[IMAGE_TOPIC]
    assert (message.height, message.width, message.encoding) == (8, 10, "bgr8")
    assert (message.step, message.is_bigendian, len(message.data)) == (30, 0, 240)


def test_jpeg_message_names_its_format_and_quality_matters(tmp_path):
    sizes = {}
    for quality in (30, 95):
        path = tmp_path / str(quality)
        write_bag(path, frames(1, 64, 64), rate=10, quality=quality)
        ((_, message),) = read(path)[COMPRESSED_TOPIC]
        assert message.format == "bgr8; jpeg compressed bgr8"
        assert cv2.imdecode(message.data, cv2.IMREAD_COLOR).shape == (64, 64, 3)
        sizes[quality] = len(message.data)
    assert sizes[30] < sizes[95]


def test_labels_are_mono8_and_exact(tmp_path):
    write_bag(tmp_path / "bag", frames(), rate=10)
    for (_, message), frame in zip(read(tmp_path / "bag")[LABEL_TOPIC], frames(), strict=True):
        assert (message.encoding, message.step) == ("mono8", 10)
        np.testing.assert_array_equal(message.data.reshape(8, 10), frame.label)


def test_without_labels_there_is_no_label_topic(tmp_path):
    write_bag(tmp_path / "bag", [BagFrame(f.image) for f in frames()], rate=10)
    assert read(tmp_path / "bag").keys() == {COMPRESSED_TOPIC, CAMERA_INFO_TOPIC}


def test_a_scene_begins_at_the_time_of_its_first_frame(tmp_path):
    titles = ["rain", None, None, "fog"]
    shown = [BagFrame(f.image, f.label, t) for f, t in zip(frames(4), titles, strict=True)]
    write_bag(tmp_path / "bag", shown, rate=10)
    topics = read(tmp_path / "bag")
    times = [time for time, _ in topics[COMPRESSED_TOPIC]]
    scenes = [(time, message.data) for time, message in topics[SCENE_TOPIC]]
    assert scenes == [(times[0], "rain"), (times[3], "fog")]


def test_all_messages_of_a_frame_have_one_stamp_and_frame_id(tmp_path):
    write_bag(tmp_path / "bag", frames(4), rate=3, frame_id="front", start_stamp=100)
    stamps = [100_000_000_000 + round(i * 1e9 / 3) for i in range(4)]
    topics = read(tmp_path / "bag")
    assert topics.keys() == {COMPRESSED_TOPIC, LABEL_TOPIC, CAMERA_INFO_TOPIC}
    for messages in topics.values():
        headers = [message.header for _, message in messages]
        assert [h.stamp.sec * 10**9 + h.stamp.nanosec for h in headers] == stamps
        assert [time for time, _ in messages] == stamps
        assert {h.frame_id for h in headers} == {"front"}


def test_default_stamp_is_fixed(tmp_path):
    write_bag(tmp_path / "bag", frames(1), rate=10)
    ((time, _),) = read(tmp_path / "bag")[LABEL_TOPIC]
    assert time == START_STAMP_S * 10**9


def test_camera_info_is_a_pinhole_of_the_given_angle(tmp_path):
    write_bag(tmp_path / "bag", frames(1, 360, 640), rate=10, horizontal_fov=90)
    ((_, info),) = read(tmp_path / "bag")[CAMERA_INFO_TOPIC]
    assert (info.height, info.width, info.distortion_model) == (360, 640, "plumb_bob")
    k, p = info.k.reshape(3, 3), info.p.reshape(3, 4)
    # The left edge of the picture, half a pixel left of pixel 0, is seen at -45 degrees.
    ray = np.linalg.solve(k, [-0.5, 179.5, 1.0])
    assert math.degrees(math.atan2(ray[0], ray[2])) == pytest.approx(-45)
    assert k[0, 0] == k[1, 1]
    np.testing.assert_allclose(k @ [0, 0, 1], [319.5, 179.5, 1])
    np.testing.assert_array_equal(p[:, :3], k)
    np.testing.assert_array_equal(info.r.reshape(3, 3), np.eye(3))
    np.testing.assert_array_equal(info.d, np.zeros(5))


def test_camera_info_without_angle_is_uncalibrated(tmp_path):
    write_bag(tmp_path / "bag", frames(1), rate=10)
    ((_, info),) = read(tmp_path / "bag")[CAMERA_INFO_TOPIC]
    assert (info.height, info.width) == (8, 10)
    np.testing.assert_array_equal(info.k, np.zeros(9))


def test_same_frames_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        write_bag(tmp_path / folder / "bag", frames(), rate=10)
    for name in ("bag.mcap", "metadata.yaml"):
        assert (tmp_path / "a/bag" / name).read_bytes() == (tmp_path / "b/bag" / name).read_bytes()


def test_metadata_is_of_a_version_that_humble_reads(tmp_path):
    write_bag(tmp_path / "bag", frames(), rate=10)
    metadata = (tmp_path / "bag" / "metadata.yaml").read_text()
    assert "version: 8" in metadata
    # Jazzy's list here is what Humble stumbles over; chunks are compressed inside MCAP.
    assert "offered_qos_profiles: ''" in metadata
    assert "compression_mode: ''" in metadata


def test_plain_labels_take_next_to_no_room(tmp_path):
    label = np.zeros((360, 640), np.uint8)
    label[200:260, 300:380] = 1
    image = np.zeros((360, 640, 3), np.uint8)
    write_bag(tmp_path / "with", [BagFrame(image, label)] * 20, rate=10)
    write_bag(tmp_path / "without", [BagFrame(image)] * 20, rate=10)
    with_labels = (tmp_path / "with" / "with.mcap").stat().st_size
    without = (tmp_path / "without" / "without.mcap").stat().st_size
    assert with_labels - without < 20 * 1000


def test_refuses_to_overwrite_unless_told(tmp_path):
    write_bag(tmp_path / "bag", frames(3), rate=10)
    with pytest.raises(UsageError, match=r"bag is not empty; .*--overwrite"):
        write_bag(tmp_path / "bag", frames(1), rate=10)
    assert len(BagFrames(tmp_path / "bag")) == 3
    write_bag(tmp_path / "bag", frames(1), rate=10, overwrite=True)
    assert len(BagFrames(tmp_path / "bag")) == 1


def test_an_interruption_leaves_nothing_new_and_the_old_bag_whole(tmp_path):
    def interrupted():
        yield from frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bag(tmp_path / "bag", interrupted(), rate=10)
    assert list(tmp_path.iterdir()) == []
    write_bag(tmp_path / "bag", frames(3), rate=10)
    with pytest.raises(KeyboardInterrupt):
        write_bag(tmp_path / "bag", interrupted(), rate=10, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
    assert len(BagFrames(tmp_path / "bag")) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 0}, "rate is 0"),
        ({"rate": math.nan}, "rate is nan"),
        ({"rate": 1, "quality": 101}, "quality is 101"),
        ({"rate": 1, "horizontal_fov": 180}, "horizontal field of view is 180"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        write_bag(tmp_path / "bag", frames(), **arguments)


def test_no_frames(tmp_path):
    with pytest.raises(UsageError, match="no frame to write"):
        write_bag(tmp_path / "bag", [], rate=1)
    assert list(tmp_path.iterdir()) == []
