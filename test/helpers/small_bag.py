# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes a small labelled bag of `street_frame` pictures, as a camera's recording would be."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from cosme_ros import topics
from cosme_ros.bags.reading import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from cosme_ros.bags.scenes import STRING
from cosme_ros.metrics.labels import ANOMALY, IGNORED
from helpers.tiny_bundle import street_frame

START = 1_700_000_000_000_000_000  # nanoseconds
Box = tuple[int, int, int, int]  # x, y, width, height
BOX: Box = (140, 130, 40, 30)  # the obstacle in the odd frames
TYPES = get_typestore(Stores.ROS2_HUMBLE)


def stamp_of_frame(index: int, rate: float = 10.0) -> int:
    return START + round(index / rate * 1e9)


def in_odd_frames(index: int) -> Box | None:
    return BOX if index % 2 else None


def moving_on(index: int) -> Box | None:
    """Never where it was in any of the five frames before: to be late is to be wrong."""
    return 60 + 40 * (index % 6), 130, 36, 30


def picture(
    index: int, height: int, width: int, boxes: Callable[[int], Box | None] = in_odd_frames
) -> np.ndarray:
    return street_frame(height, width, box=boxes(index), seed=index)


def label(
    index: int, height: int, width: int, boxes: Callable[[int], Box | None] = in_odd_frames
) -> np.ndarray:
    """The top row is to be ignored, so that ignoring can be seen to work."""
    labels = np.zeros((height, width), np.uint8)
    if (box := boxes(index)) is not None:
        x, y, w, h = box
        labels[y : y + h, x : x + w] = ANOMALY
    labels[0] = IGNORED
    return labels


def header(stamp: int):
    time = TYPES.types["builtin_interfaces/msg/Time"](*divmod(stamp, 1_000_000_000))
    return TYPES.types["std_msgs/msg/Header"](stamp=time, frame_id="camera")


def image_message(stamp: int, array: np.ndarray, encoding: str):
    return TYPES.types[IMAGE](
        header=header(stamp),
        height=array.shape[0],
        width=array.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=array.shape[1] * array.itemsize * (array.shape[2] if array.ndim == 3 else 1),
        data=np.ascontiguousarray(array).reshape(-1).view(np.uint8),
    )


def compressed_message(stamp: int, bgr: np.ndarray):
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return TYPES.types[COMPRESSED_IMAGE](
        header=header(stamp), format="bgr8; jpeg compressed bgr8", data=data.reshape(-1)
    )


def camera_info_message(stamp: int, height: int, width: int):
    roi = TYPES.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    identity = np.eye(3).reshape(-1)
    return TYPES.types[CAMERA_INFO](
        header=header(stamp),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=identity,
        r=identity,
        p=np.zeros(12),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def write_small_bag(
    folder: Path,
    *,
    frames: int = 6,
    height: int = 180,
    width: int = 320,
    rate: float = 10.0,
    labels_lag: int = 0,
    skipped_labels: tuple[int, ...] = (),
    storage: StoragePlugin = StoragePlugin.MCAP,
    boxes: Callable[[int], Box | None] = in_odd_frames,
    image_topic: str = topics.CAMERA_IMAGE,
    scenes: Mapping[int, str] | None = None,
    raw: bool = False,
    upside_down: bool = False,
) -> Path:
    """Frames show an obstacle at `boxes`. Labels come `labels_lag` frames late, some never.
    `scenes` are titles of those that begin, by frame. `raw` images are not compressed."""
    messages = []
    turned = (slice(None, None, -1),) * 2 if upside_down else ()
    for index in range(frames):
        stamp = stamp_of_frame(index, rate)
        if index in (scenes or {}):
            title = TYPES.types[STRING](data=(scenes or {})[index])
            messages.append((stamp, topics.CAMERA_SCENE, title))
        shown = picture(index, height, width, boxes)[turned]
        image = image_message(stamp, shown, "bgr8") if raw else compressed_message(stamp, shown)
        messages.append((stamp, image_topic, image))
        messages.append((stamp, topics.CAMERA_INFO, camera_info_message(stamp, height, width)))
        if index not in skipped_labels:
            late = stamp_of_frame(index + labels_lag, rate)
            labels = image_message(stamp, label(index, height, width, boxes)[turned], "mono8")
            messages.append((late, topics.CAMERA_LABELS, labels))
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=TYPES)
            for topic, kind in (
                (image_topic, IMAGE if raw else COMPRESSED_IMAGE),
                (topics.CAMERA_LABELS, IMAGE),
                (topics.CAMERA_INFO, CAMERA_INFO),
                *([(topics.CAMERA_SCENE, STRING)] if scenes else []),
            )
        }
        for bag_time, topic, message in sorted(messages, key=lambda entry: entry[0]):
            writer.write(
                connections[topic], bag_time, TYPES.serialize_cdr(message, message.__msgtype__)
            )
    return folder


def write_labels(folder: Path, *, frames: int, boxes: Sequence[Box]) -> Path:
    """Write label files for a small bag's frames, with anomalies that stay where they are."""
    folder.mkdir()
    for index in range(frames):
        labels = np.zeros((180, 320), np.uint8)
        for x, y, width, height in boxes:
            labels[y : y + height, x : x + width] = ANOMALY
        cv2.imwrite(str(folder / f"{stamp_of_frame(index)}.png"), labels)
    return folder
