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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
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


@dataclass(frozen=True)
class _Form:
    title: str
    write: Callable[[], Path]
    labels: Path | None = None
    """Folder; None where the form holds its labels."""
    rotation: int = 0


def main() -> None:
    """Write the forms, evaluate each, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"))
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--frames", type=int, help="only the first ones")
    parser.add_argument("--only", default="", help="only forms whose title has this text")
    options = parser.parse_args()
    drive = _read(options.bag, options.frames)
    print("| form | AP | AUROC | FPR95 | obstacles |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for form in _forms(Path(folder), drive, options):
            if options.only in form.title:
                _evaluate(form, options.bundle)


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


def _forms(folder: Path, drive: _Drive, options: argparse.Namespace) -> Iterator[_Form]:
    if options.frames is None:
        yield _Form("the bag itself", lambda: options.bag)
    yield _Form("ROS 2 bag, raw images", lambda: _ros2(folder / "raw", drive, _raw))
    yield _Form("ROS 1 bag, raw images", lambda: _ros1(folder / "raw.bag", drive))
    for title, kind, encoder in (
        ("CompressedVideo, H.264 without loss", COMPRESSED_VIDEO, _LOSSLESS_H264),
        ("FFMPEGPacket, H.265 without loss, B-frames", FFMPEG_PACKET, _LOSSLESS_H265),
        ("CompressedVideo, H.264 4:2:0, crf 18", COMPRESSED_VIDEO, _H264),
        ("CompressedVideo, H.264 4:2:0, crf 28", COMPRESSED_VIDEO, _H264_SMALL),
    ):
        path = folder / title.replace(" ", "_")
        yield _Form(title, lambda p=path, k=kind, e=encoder: _ros2(p, drive, _packets(k, e)))
    labels = _pictures(folder / "labels", {str(i): x for i, x in enumerate(drive.labels)})
    for title, encoder in (
        ("video, H.264 without loss", _LOSSLESS_H264),
        ("video, H.264 4:2:0, crf 18", _H264),
    ):
        path = folder / f"{title.replace(' ', '_')}.mkv"
        yield _Form(title, lambda p=path, e=encoder: _video(p, drive, e), labels)
    stamped = {str(s): x for s, x in zip(drive.stamps, drive.labels, strict=True)}
    images = {str(s): x for s, x in zip(drive.stamps, drive.images, strict=True)}
    labels = _pictures(folder / "stamped_labels", stamped)
    yield _Form(
        "folder of PNG files named by stamps",
        lambda: _pictures(folder / "pictures", images),
        labels,
    )
    turned = _pictures(folder / "turned_labels", {n: x[::-1, ::-1] for n, x in stamped.items()})
    path = _pictures(folder / "turned", {n: x[::-1, ::-1] for n, x in images.items()})
    yield _Form("folder, upside down, image_rotation 180", lambda: path, turned, 180)
    yield _Form("folder, upside down, image_rotation 0", lambda: path, turned)


def _pictures(folder: Path, images: Mapping[str, np.ndarray]) -> Path:
    folder.mkdir()
    for name, image in images.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


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


def _evaluate(form: _Form, bundle: Path) -> None:
    path = form.write()
    labels = LabelSettings() if form.labels is None else LabelSettings(folder=form.labels)
    settings = EvaluationSettings(provider="cpu", labels=labels, image_rotation=form.rotation)
    total = Evaluator(bundle, settings, jobs=1).evaluate([path]).total
    pixels, found = total.pixels, total.detection
    print(
        f"| {form.title} | {pixels.average_precision:.6f} | {pixels.auroc:.6f} | "
        f"{pixels.fpr95:.6f} | {found.found} of {found.obstacles} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
