# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pickle

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from training.bag_writer import BagFrame, write_bag
from training.datasets.readers.label_map import LabelMap
from training.datasets.readers.labelled_bag import LabelledBag
from training.datasets.readers.labels import ANOMALY_LABELS
from training.datasets.registry import open_dataset
from training.errors import UsageError

TYPES = get_typestore(Stores.ROS2_HUMBLE)


def frame(number):
    rng = np.random.default_rng(number)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (4, 6))
    return BagFrame(rng.integers(0, 256, (4, 6, 3), np.uint8), label)


def write(path, messages):
    """Write (topic, stamp in s, picture) as Image messages; the stamp is the header's."""
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for place, (topic, stamp, picture) in enumerate(messages):
            time = TYPES.types["builtin_interfaces/msg/Time"](sec=stamp, nanosec=5)
            message = TYPES.types["sensor_msgs/msg/Image"](
                header=TYPES.types["std_msgs/msg/Header"](stamp=time, frame_id="camera"),
                height=picture.shape[0],
                width=picture.shape[1],
                encoding="mono8" if picture.ndim == 2 else "bgr8",
                is_bigendian=0,
                step=picture[0].size,
                data=np.ascontiguousarray(picture).reshape(-1),
            )
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            # Recorded later than stamped, and labels later than images.
            data = TYPES.serialize_cdr(message, kind)
            writer.write(connections[topic], 1000 + place, data)


@pytest.mark.parametrize("image_format", ["raw", "png"])
def test_reads_what_make_bag_writes(tmp_path, image_format):
    write_bag(tmp_path / "bag", (frame(i) for i in range(4)), rate=2, image_format=image_format)
    dataset = open_dataset(f"bag={tmp_path / 'bag'}")
    assert (dataset.kind, dataset.title, len(dataset.source)) == ("anomalies", "bag", 4)
    assert dataset.source.frame_name(1) == "1704067200500000000"
    for source in (dataset.source, pickle.loads(pickle.dumps(dataset.source))):
        for index in (0, 1, 3, 2, -1):
            image, label = source[index]
            np.testing.assert_array_equal(image, frame(index % 4).image)
            np.testing.assert_array_equal(label, frame(index % 4).label)
            np.testing.assert_array_equal(source.images[index], image)


def test_pairs_by_stamp_not_by_order(tmp_path):
    pictures = [frame(i).image for i in range(3)]
    labels = [np.full((4, 6), i, np.uint8) for i in range(3)]
    messages = [("/cam/image", i, pictures[i]) for i in range(3)]
    messages += [("/cam/labels", i, labels[i]) for i in (2, 0, 1)]
    write(tmp_path / "bag", messages)
    bag = LabelledBag(tmp_path / "bag", LabelMap({0: 0, 1: 1, 2: 2}))
    for index in range(3):
        np.testing.assert_array_equal(bag[index][0], pictures[index])
        np.testing.assert_array_equal(bag[index][1], labels[index])


def test_topic_and_the_labels_beside_it(tmp_path):
    messages = []
    for side, value in (("left", 0), ("right", 1)):
        messages.append((f"/{side}/image_raw", 1, frame(value).image))
        messages.append((f"/{side}/labels", 1, np.full((4, 6), value, np.uint8)))
    write(tmp_path / "bag", messages)
    dataset = open_dataset(f"two_eyes={tmp_path / 'bag'}:/right/image_raw?0:0,1:1")
    assert (dataset.name, np.unique(dataset.source[0][1]).tolist()) == ("two_eyes", [1])
    with pytest.raises(UsageError, match="several image topics"):
        open_dataset(f"bag={tmp_path / 'bag'}")


def test_bag_of_class_labels(tmp_path):
    write(
        tmp_path / "bag",
        [("/c/i", 1, frame(0).image), ("/c/labels", 1, frame(0).label // 255 * 11)],
    )
    dataset = open_dataset(f"drive={tmp_path / 'bag'}?camvid")
    assert dataset.class_list().classes[0].name == "sky"
    assert set(np.unique(dataset.source[0][1])) == {0, 255}


IMAGE = ("/c/image", 1, frame(0).image)
LABEL = ("/c/labels", 1, np.zeros((4, 6), np.uint8))


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([IMAGE], "no topics of labels for /c/image; expected one that ends in /labels"),
        ([IMAGE, ("/c/image", 2, frame(0).image), LABEL], "1 of 2 messages on /c/image have no"),
        ([IMAGE, LABEL, ("/c/labels", 3, LABEL[2])], "stamped 3000000005 ns; .*stamp on /c/image"),
        ([IMAGE, LABEL, LABEL], "two messages of stamp 1000000005 ns on /c/labels"),
        (
            [IMAGE, ("/c/labels", 1, frame(0).image)],
            "it is bgr8, but must be mono8 or",
        ),
        ([IMAGE, ("/c/labels", 1, LABEL[2][:3])], "is 6x3, its image 6x4"),
        ([IMAGE, ("/c/labels", 1, LABEL[2] + 2)], "at 1001 ns holds the label value 2"),
        ([IMAGE, ("/a/labels", 1, LABEL[2]), ("/b/labels", 1, LABEL[2])], "no topics of labels"),
    ],
)
def test_what_cannot_be_paired_or_read(tmp_path, messages, message):
    write(tmp_path / "bag", messages)
    with pytest.raises(UsageError, match=message):
        LabelledBag(tmp_path / "bag", ANOMALY_LABELS)[0]
