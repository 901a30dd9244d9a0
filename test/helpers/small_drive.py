# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes one small drive as a lossless bag, a folder of images and a video, with label folders."""

from pathlib import Path

import av
import cv2
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.reading import IMAGE
from helpers.small_bag import TYPES, image_message, label, picture, stamp_of_frame

FRAMES, HEIGHT, WIDTH, RATE = 6, 180, 320, 10


def write_lossless_bag(folder: Path, *, frames: int = FRAMES) -> Path:
    """Raw images and their labels."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images, labels = (
            writer.add_connection(topic, IMAGE, typestore=TYPES)
            for topic in (topics.CAMERA_IMAGE, topics.CAMERA_LABELS)
        )
        for index in range(frames):
            stamp = stamp_of_frame(index, RATE)
            for connection, array, encoding in (
                (images, picture(index, HEIGHT, WIDTH), "bgr8"),
                (labels, label(index, HEIGHT, WIDTH), "mono8"),
            ):
                message = image_message(stamp, array, encoding)
                writer.write(connection, stamp, TYPES.serialize_cdr(message, IMAGE))
    return folder


def write_folder(folder: Path, names: list[str]) -> Path:
    """The nth image has the nth name, with suffix."""
    folder.mkdir()
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(index, HEIGHT, WIDTH))
    return folder


def write_label_folder(folder: Path, names: list[str]) -> Path:
    """PNG files; the nth label has the nth name, without suffix."""
    folder.mkdir()
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / f"{name}.png"), label(index, HEIGHT, WIDTH))
    return folder


def write_video(path: Path, *, frames: int = FRAMES, codec: str = "ffv1") -> Path:
    """Lossless: FFV1 or PNG."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "rgb24" if codec == "png" else "bgr0"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, HEIGHT, WIDTH), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
