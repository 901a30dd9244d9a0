# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Messages that no camera should send, and that one day one does."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

ENCODINGS = (
    *("bgr8", "rgb8", "bgra8", "rgba8", "mono8", "mono16", "bayer_rggb8", "bayer_gbrg16"),
    *("yuv422", "yuv422_yuy2", "nv12", "nv21", "8UC1", "8UC3", "16UC1", "32FC1", "64FC4", "rgb16"),
    *("", "BGR8", "bgr8 ", "bgr8; jpeg", "no_such", "\x1b[2J", "a\nb [ERROR]", "é", "x" * 4000),
)
FORMATS = (
    *("jpeg", "png", "jpg", "bgr8; jpeg compressed bgr8", "bayer_rggb8; png compressed "),
    *(
        "",
        "tiff",
        "h264",
        "16UC1; compressedDepth png",
        "\x1b]0;title\x07",
        "jpeg\n[INFO] all well",
    ),
)
FRAME_IDS = ("", "camera", "\x1b[31m", "a\nb", "x" * 5000, "camera_optical")


def hostile_image(random: np.random.Generator, header: Header) -> Image:
    """Return an Image whose fields do not fit each other, or are of a kind nobody expects."""
    message = Image(header=_hostile_header(random, header))
    message.encoding = str(random.choice(ENCODINGS))
    sizes = (0, 1, 2, 3, 7, 64, 97, 640, 4096, 65535, 2**31 - 1, 2**32 - 1)
    message.height, message.width = (int(random.choice(sizes)) for _ in range(2))
    message.step = int(random.choice((0, 1, message.width, 3 * message.width, 2**32 - 1)) % 2**32)
    message.is_bigendian = int(random.integers(0, 2))
    fitting = min(message.height * message.step, 1 << 18)
    length = int(random.choice((0, 1, 17, fitting, max(0, fitting - 1), fitting + 1, 4096)))
    message.data = random.integers(0, 256, length, np.uint8).tobytes()
    return message


def hostile_compressed(random: np.random.Generator, header: Header, jpeg: bytes) -> CompressedImage:
    """Return a CompressedImage that is damaged, foreign, or a bomb. `jpeg` is a sound picture."""
    kind = _KINDS[int(random.integers(len(_KINDS)))]
    return CompressedImage(
        header=_hostile_header(random, header),
        format=str(random.choice(FORMATS)),
        data=kind(random, jpeg),
    )


def malformed_cdr(random: np.random.Generator, message: bytes) -> bytes:
    """Return a serialised message that was cut, or whose lengths promise more than there is."""
    data = bytearray(message)
    for _ in range(int(random.integers(1, 8))):
        at = int(random.integers(4, min(len(data), 80)))
        data[at] = int(random.integers(256))
    if random.random() < 0.5:
        del data[int(random.integers(4, len(data))) :]
    return bytes(data)


def png_bomb(height: int = 9000, width: int = 12000) -> bytes:
    """Return a PNG of one bit a pixel, all black: some kilobytes that decode to gigabytes."""
    row = b"\0" + bytes((width + 7) // 8)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _hostile_header(random: np.random.Generator, header: Header) -> Header:
    header.frame_id = str(random.choice(FRAME_IDS))
    if random.random() < 0.2:
        header.stamp.sec = int(random.choice((-(2**31), -1, 0, 2**31 - 1)))
        header.stamp.nanosec = int(random.choice((0, 999_999_999, 2**32 - 1)))
    return header


def _noise(random: np.random.Generator, jpeg: bytes) -> bytes:
    return random.integers(0, 256, int(random.choice((0, 1, 2, 100, 5000))), np.uint8).tobytes()


def _cut(random: np.random.Generator, jpeg: bytes) -> bytes:
    return jpeg[: int(random.integers(0, len(jpeg)))]


def _cut_and_closed(random: np.random.Generator, jpeg: bytes) -> bytes:
    return _cut(random, jpeg) + b"\xff\xd9"


def _zeroed(random: np.random.Generator, jpeg: bytes) -> bytes:
    at = int(random.integers(200, len(jpeg) - 200))
    count = min(1400, len(jpeg) - at - 2)
    return jpeg[:at] + bytes(count) + jpeg[at + count :]


def _flipped(random: np.random.Generator, jpeg: bytes) -> bytes:
    data = bytearray(jpeg)
    for at in random.integers(0, len(data), 5):
        data[at] ^= 1 << int(random.integers(8))
    return bytes(data)


def _huge_promise(random: np.random.Generator, jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", 65500, 65500) + jpeg[at + 9 :]


def _bomb(random: np.random.Generator, jpeg: bytes) -> bytes:
    return _BOMB


def _foreign(random: np.random.Generator, jpeg: bytes) -> bytes:
    suffix = str(random.choice((".bmp", ".tiff", ".webp", ".ppm", ".jp2")))
    found, data = cv2.imencode(suffix, np.full((20, 30, 3), 99, np.uint8))
    return data.tobytes() if found else b"GIF89a"


_BOMB = png_bomb()
_KINDS: tuple[Callable[[np.random.Generator, bytes], bytes], ...] = (
    *(_noise, _cut, _cut_and_closed, _zeroed, _flipped, _huge_promise, _foreign),
    _bomb,
)
