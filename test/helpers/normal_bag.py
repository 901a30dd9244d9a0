# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes a bag of normal streets by one camera or several, as an everyday drive would leave it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.reading import IMAGE
from cosme_ros.metrics.labels import ANOMALY
from helpers.small_bag import START, TYPES, image_message
from helpers.tiny_bundle import street_frame

TOPIC = "/camera/image_raw"
BOX = (60, 100, 40, 30)
"""x, y, width, height of the obstacle in the frames that have one."""


def write_normal_bag(
    folder: Path,
    *,
    frames: int = 12,
    rate: float = 10.0,
    height: int = 160,
    width: int = 240,
    seed: int = 0,
    cameras: Sequence[str] = ("camera",),
    anomalous: Sequence[int] = (),
    labelled: Sequence[int] | None = None,
    stamps: Sequence[int] | None = None,
    storage: StoragePlugin = StoragePlugin.MCAP,
) -> Path:
    """Each camera writes raw pictures to TOPIC. `anomalous` frames show an obstacle.

    `labelled` frames have a label; None: there is no label topic. `stamps` are given instead of
    those that `rate` makes.
    """
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        pictures = writer.add_connection(TOPIC, IMAGE, typestore=TYPES)
        labels = None
        if labelled is not None:
            labels = writer.add_connection(topics.CAMERA_LABELS, IMAGE, typestore=TYPES)
        for index in range(frames):
            bag_time = START + round(index / rate * 1e9)
            stamp = bag_time if stamps is None else stamps[index]
            box = BOX if index in anomalous else None
            for number, camera in enumerate(cameras):
                picture = street_frame(
                    height, width, box=box, seed=10_000 * seed + 100 * number + index
                )
                message = image_message(stamp, picture, "bgr8")
                message.header.frame_id = camera
                writer.write(pictures, bag_time, TYPES.serialize_cdr(message, IMAGE))
            if labels is not None and index in labelled:
                label = np.zeros((height, width), np.uint8)
                if box is not None:
                    x, y, box_width, box_height = box
                    label[y : y + box_height, x : x + box_width] = ANOMALY
                message = image_message(stamp, label, "mono8")
                writer.write(labels, bag_time, TYPES.serialize_cdr(message, IMAGE))
    return folder
