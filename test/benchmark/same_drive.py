# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One drive in many forms through the evaluation: are its figures the same?

    PYTHONPATH=.:test python test/benchmark/same_drive.py --bag demo/bag --bundle demo/bundle

Writes the drive as bags of raw images (ROS 2 and ROS 1) and of H.264 and H.265 packets, as videos
and as a folder of PNG files; lossless forms hold the pixels that the bag's own images decode to.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any

import av
import cv2
import numpy as np
from helpers.small_bag import image_message
from helpers.video_bag import Encoder, encode, video_message
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_typestore

from cosme_ros import topics
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.bags.reading import IMAGE, TYPES, Bag
from cosme_ros.bags.scenes import STRING, scenes_of
from cosme_ros.evaluation.evaluator import Evaluator
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.messages.video_packets import COMPRESSED_VIDEO, FFMPEG_PACKET

_IMAGES, _VIDEO = "/camera/image", "/camera/video"
_LOSSLESS_H264: Encoder = ("libx264rgb", "rgb24", {"crf": "0", "bf": "0", "g": "30"})
_LOSSLESS_H265: Encoder = (
    "libx265",
    "gbrp",
    {"x265-params": "lossless=1:keyint=30:log-level=none"},
)
_H264: Encoder = ("libx264", "yuv420p", {"crf": "18", "bf": "0", "g": "30"})
_H264_SMALL: Encoder = ("libx264", "yuv420p", {"crf": "28", "bf": "0", "g": "30"})


@dataclass(frozen=True)
class _Drive:
    stamps: list[int]
    images: list[np.ndarray]
    labels: list[np.ndarray]
    scenes: list[tuple[int, str]]


def main() -> None:
    """Write the forms, evaluate each, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"))
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--frames", type=int, help="only the first ones")
    options = parser.parse_args()
    drive = _read(options.bag, options.frames)
    print("| form | megabytes | AP | AUROC | FPR95 | obstacles | seconds |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for title, path, labels in _forms(Path(folder), drive, options):
            _evaluate(title, path, labels, options.bundle)


def _read(path: Path, count: int | None) -> _Drive:
    drive = _Drive([], [], [], [(s.begins, s.title) for s in scenes_of(path)])
    with Bag(path) as bag:
        for joined in bag.joined([topics.CAMERA_IMAGE, topics.CAMERA_LABELS]):
            drive.stamps.append(joined[topics.CAMERA_IMAGE].stamp)
            drive.images.append(bag.picture(joined[topics.CAMERA_IMAGE]))
            drive.labels.append(bag.plane(joined[topics.CAMERA_LABELS], "mono8"))
            if len(drive.stamps) == count:
                break
    return drive


def _forms(
    folder: Path, drive: _Drive, options: argparse.Namespace
) -> Iterator[tuple[str, Path, Path | None]]:
    if options.frames is None:
        yield "the bag itself", options.bag, None
    labels = folder / "labels"
    labels.mkdir()
    for stamp, index, label in zip(
        drive.stamps, range(len(drive.stamps)), drive.labels, strict=True
    ):
        cv2.imwrite(str(labels / f"{index}.png"), label)
        cv2.imwrite(str(labels / f"{stamp}.png"), label)
    yield "ROS 2 bag, raw images", _ros2(folder / "raw", drive, _raw), None
    yield "ROS 1 bag, raw images", _ros1(folder / "raw.bag", drive), None
    for title, name, kind, encoder in (
        ("CompressedVideo, H.264 without loss", "h264", COMPRESSED_VIDEO, _LOSSLESS_H264),
        ("FFMPEGPacket, H.265 without loss, B-frames", "h265", FFMPEG_PACKET, _LOSSLESS_H265),
        ("CompressedVideo, H.264 4:2:0, crf 18", "crf18", COMPRESSED_VIDEO, _H264),
        ("CompressedVideo, H.264 4:2:0, crf 28", "crf28", COMPRESSED_VIDEO, _H264_SMALL),
    ):
        yield title, _ros2(folder / name, drive, _packets(kind, encoder)), None
    yield "video, H.264 without loss", _video(folder / "a.mkv", drive, _LOSSLESS_H264), labels
    yield "video, H.264 4:2:0, crf 18", _video(folder / "b.mkv", drive, _H264), labels
    pictures = folder / "pictures"
    pictures.mkdir()
    for stamp, image in zip(drive.stamps, drive.images, strict=True):
        cv2.imwrite(str(pictures / f"{stamp}.png"), image)
    yield "folder of PNG files named by stamps", pictures, labels


_Messages = list[tuple[int, str, Any]]


def _raw(drive: _Drive) -> _Messages:
    return [
        (stamp, _IMAGES, image_message(stamp, image, "bgr8"))
        for stamp, image in zip(drive.stamps, drive.images, strict=True)
    ]


def _packets(kind: str, encoder: Encoder) -> Callable[[_Drive], _Messages]:
    def messages(drive: _Drive) -> _Messages:
        codec = "h265" if "265" in encoder[0] else "h264"
        return [
            (bag_time, _VIDEO, video_message(drive.stamps[packet[0]], kind, codec, packet))
            for bag_time, packet in zip(drive.stamps, encode(drive.images, encoder), strict=True)
        ]

    return messages


def _labels_and_scenes(drive: _Drive) -> _Messages:
    labels = [
        (stamp, topics.CAMERA_LABELS, image_message(stamp, label, "mono8"))
        for stamp, label in zip(drive.stamps, drive.labels, strict=True)
    ]
    scenes = [
        (begins, topics.CAMERA_SCENE, TYPES.types[STRING](data=title))
        for begins, title in drive.scenes
    ]
    return [*scenes, *labels]


def _ros2(path: Path, drive: _Drive, images: Callable[[_Drive], _Messages]) -> Path:
    messages = sorted([*_labels_and_scenes(drive), *images(drive)], key=lambda entry: entry[0])
    with rosbag2.Writer(path, version=8, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for time, topic, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], time, TYPES.serialize_cdr(message, kind))
    return path


def _ros1(path: Path, drive: _Drive) -> Path:
    old = get_typestore(Stores.ROS1_NOETIC)
    messages = sorted([*_labels_and_scenes(drive), *_raw(drive)], key=lambda entry: entry[0])
    with rosbag1.Writer(path) as writer:
        connections: dict[str, Any] = {}
        for time, topic, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=old)
            if kind == IMAGE:
                stamp = old.types["builtin_interfaces/msg/Time"](*divmod(time, 1_000_000_000))
                header = old.types["std_msgs/msg/Header"](0, stamp, message.header.frame_id)
                fields = {name: getattr(message, name) for name in ("height", "width", "encoding")}
                message = old.types[IMAGE](
                    header=header, **fields, is_bigendian=0, step=message.step, data=message.data
                )
            writer.write(connections[topic], time, old.serialize_ros1(message, kind))
    return path


def _video(path: Path, drive: _Drive, encoder: Encoder) -> Path:
    name, pixels, settings = encoder
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=10)
        stream.height, stream.width = drive.images[0].shape[:2]
        stream.pix_fmt, stream.options = pixels, settings
        stream.time_base = Fraction(1, 1000)
        for index, image in enumerate(drive.images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _evaluate(title: str, path: Path, labels: Path | None, bundle: Path) -> None:
    settings = EvaluationSettings(
        provider="cpu", labels=LabelSettings() if labels is None else LabelSettings(folder=labels)
    )
    began = monotonic()
    total = Evaluator(bundle, settings, jobs=1).evaluate([path]).total
    seconds = monotonic() - began
    size = sum(f.stat().st_size for f in ([path] if path.is_file() else path.iterdir()))
    pixels, found = total.pixels, total.detection
    print(
        f"| {title} | {size / 1e6:.0f} | {pixels.average_precision:.6f} | {pixels.auroc:.6f} | "
        f"{pixels.fpr95:.6f} | {found.found} of {found.obstacles} | {seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
