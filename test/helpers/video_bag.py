# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes bags whose pictures are H.264 or H.265 packets, as video transports record them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.reading import IMAGE, TYPES
from cosme_ros.messages.video_packets import COMPRESSED_VIDEO, FFMPEG_PACKET
from helpers.small_bag import header, image_message

VIDEO_TOPIC = "/camera/video"

LOSSLESS_H264 = ("libx264rgb", "rgb24", {"crf": "0", "bf": "0", "g": "5"})
H264_B = ("libx264", "yuv420p", {"crf": "10", "bf": "3", "g": "8", "b_strategy": "0"})
"""Not lossless: without loss, x264 makes no B-frames."""
LOSSLESS_H265 = ("libx265", "gbrp", {"x265-params": "lossless=1:keyint=8:log-level=none"})
LOSSLESS_H265_P = (
    "libx265",
    "gbrp",
    {"x265-params": "lossless=1:keyint=5:bframes=0:open-gop=0:log-level=none"},
)
Encoder = tuple[str, str, dict[str, str]]
"""Name of FFmpeg's encoder, pixel format, options."""


def encode(images: Sequence[np.ndarray], encoder: Encoder) -> list[tuple[int, bool, bytes]]:
    """The packets in the order of decoding: index of the picture, whether a key frame, bytes."""
    name, pixels, options = encoder
    context = av.CodecContext.create(name, "w")
    context.height, context.width = images[0].shape[:2]
    context.pix_fmt, context.options = pixels, options
    context.time_base, context.framerate = Fraction(1, 10), 10
    packets = []
    for index, image in enumerate([*images, None]):
        frame = None
        if image is not None:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
            frame.pts = index
        packets += [(int(p.pts), bool(p.is_keyframe), bytes(p)) for p in context.encode(frame)]
    return packets


def video_message(stamp: int, kind: str, codec: str, packet: tuple[int, bool, bytes]):
    index, key, data = packet
    pixels = np.frombuffer(data, np.uint8)
    head = header(stamp)
    if kind == COMPRESSED_VIDEO:
        return TYPES.types[kind](
            timestamp=head.stamp, frame_id=head.frame_id, data=pixels, format=codec
        )
    return TYPES.types[FFMPEG_PACKET](
        header=head,
        width=0,
        height=0,
        encoding=f"{codec};yuv420p;bgr8;bgr8",
        pts=index,
        flags=int(key),
        is_bigendian=False,
        data=pixels,
    )


def write_video_bag(
    folder: Path,
    images: Sequence[np.ndarray],
    stamps: Sequence[int],
    *,
    encoder: Encoder = LOSSLESS_H264,
    kind: str = COMPRESSED_VIDEO,
    labels: Sequence[np.ndarray] = (),
    change: Callable[[list[tuple[int, bool, bytes]]], list[tuple[int, bool, bytes]]] = list,
    storage: StoragePlugin = StoragePlugin.MCAP,
) -> Path:
    """Packets lie in the bag in the order of decoding, each with the stamp of its picture.
    `change` may take packets away or spoil them."""
    codec = "h265" if "265" in encoder[0] else "h264"
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        video = writer.add_connection(VIDEO_TOPIC, kind, typestore=TYPES)
        labelled = writer.add_connection(topics.CAMERA_LABELS, IMAGE, typestore=TYPES)
        for place, packet in enumerate(change(encode(images, encoder))):
            message = video_message(stamps[packet[0]], kind, codec, packet)
            writer.write(video, stamps[place], TYPES.serialize_cdr(message, kind))
        for stamp, label in zip(stamps, labels, strict=False):
            message = image_message(stamp, label, "mono8")
            writer.write(labelled, stamp, TYPES.serialize_cdr(message, IMAGE))
    return folder
