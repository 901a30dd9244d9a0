# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Image messages to pictures and back, without ROS: messages are read by their attributes.

`sensor_msgs/Image` is read as its definition says: `height` rows of `step` bytes, each row
beginning with the pixels and perhaps ending with padding. What does not fit is refused with a
sentence, because a picture that is read wrongly would be judged as if it were the road.
"""

import array
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.messages.guarded_cv_bridge import CvBridgeUnusableError, cv_bridge

BgrImage = NDArray[np.uint8]


class DecodeError(Exception):
    """A message is not a picture we can trust.

    `reason` is a short constant phrase ("truncated data") to count by; the message is a sentence
    with the numbers.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(printable(sentence, MOST_OF_A_SENTENCE))
        self.reason = reason


# Encoding to (bytes a pixel, OpenCV's conversion to BGR). OpenCV names a Bayer pattern by the
# second row's second and third pixel, ROS by the first row's first two: BG there is RGGB here.
_PACKED: dict[str, tuple[int, int | None]] = {
    "bgr8": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2BGR),
    # `uyvy` and `yuyv` are the newer names of the same two layouts.
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
}
_HALF_WIDTH_CHROMA = frozenset({"yuv422", "uyvy", "yuv422_yuy2", "yuyv"})
# Full-size luma rows, then half as many rows of interleaved chroma, all `step` bytes long.
_SEMI_PLANAR = {"nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21}

SUPPORTED_ENCODINGS = (*_PACKED, "mono16", *_SEMI_PLANAR)

_OUTPUTS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "32FC1": (np.float32, ()),
    "mono8": (np.uint8, ()),
    "bgr8": (np.uint8, (3,)),
}


def decode_image(message: Any) -> BgrImage:
    """sensor_msgs/Image to uint8 [H, W, 3] BGR.

    bgr8 is not copied: the result then shares memory with `message`, and is strided where rows are
    padded. mono16 is scaled by 255/65535, as cv_bridge does. An encoding that is not in
    SUPPORTED_ENCODINGS is left to cv_bridge, where that is installed. Raises DecodeError.
    """
    encoding = message.encoding
    if message.height == 0 or message.width == 0:
        raise DecodeError(
            "empty image", f"the image is {message.width}x{message.height} pixels, which is empty"
        )
    if encoding in _PACKED:
        return _decode_packed(message, *_PACKED[encoding])
    if encoding == "mono16":
        return _decode_mono16(message)
    if encoding in _SEMI_PLANAR:
        return _decode_semi_planar(message, _SEMI_PLANAR[encoding])
    return _decode_by_cv_bridge(message)


def decode_compressed(message: Any) -> BgrImage:
    """sensor_msgs/CompressedImage (JPEG, PNG or what else OpenCV reads) to uint8 [H, W, 3] BGR.

    The picture's own orientation tag is ignored, because camera_info and every other consumer of
    the topic mean the pixels as they are stored. Raises DecodeError.
    """
    data = np.frombuffer(message.data, np.uint8)
    if data.size == 0:
        raise DecodeError("empty image", f"the {message.format!r} image has no data")
    missing = _missing_end(data)
    if missing:
        raise DecodeError(
            "truncated data",
            f"the {message.format!r} image ends after {data.size} bytes without {missing}",
        )
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:  # for example a size that OpenCV refuses
        raise DecodeError(
            "undecodable", f"OpenCV refuses the {message.format!r} image: {error.err}"
        ) from error
    if picture is None:
        raise DecodeError(
            "undecodable",
            f"OpenCV cannot decode the {message.format!r} image of {data.size} bytes",
        )
    return picture.astype(np.uint8, copy=False)


def decode_plane(message: Any, encodings: Mapping[str, type[np.generic]]) -> NDArray[Any]:
    """sensor_msgs/Image of one channel to [H, W], of the type that `encodings` has for it.

    Raises DecodeError for another encoding, and where size and data do not agree.
    """
    if message.encoding not in encodings:
        raise DecodeError(
            "encoding", f"it is {message.encoding}, but must be {' or '.join(encodings)}"
        )
    dtype = np.dtype(encodings[message.encoding])
    row = message.width * dtype.itemsize
    size = message.step * message.height
    if not (row and size) or message.step < row or len(message.data) != size:
        raise DecodeError(
            "size and data",
            f"it has {len(message.data)} bytes and step {message.step}, which does not fit "
            f"{message.width}x{message.height} pixels",
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, :row]
    sent = dtype.newbyteorder(">" if message.is_bigendian else "<")
    return np.ascontiguousarray(rows).view(sent).astype(dtype, copy=False)


def fill_image(message: Any, picture: NDArray[Any], encoding: str, header: Any) -> None:
    """Make `message` (sensor_msgs/Image) carry `picture`, under `header` as it is.

    `picture` is float32 [H, W] for 32FC1, uint8 [H, W] for mono8, uint8 [H, W, 3] for bgr8;
    anything else raises ValueError.
    """
    dtype, tail = _OUTPUTS[encoding]
    if picture.dtype != dtype or picture.ndim != 2 + len(tail) or picture.shape[2:] != tail:
        raise ValueError(
            f"{encoding} wants {np.dtype(dtype)} [H, W{''.join(f', {n}' for n in tail)}], "
            f"but the array is {picture.dtype} {list(picture.shape)}"
        )
    height, width = picture.shape[:2]
    message.header = header
    message.height = height
    message.width = width
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = width * picture.dtype.itemsize * (tail[0] if tail else 1)
    # rclpy checks every element of bytes, lists and NumPy arrays, which takes a third of a second
    # for a picture of 6 MB; an array.array of the right type it takes as it is.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(picture).reshape(-1).view(np.uint8).data)
    message.data = data


def _rows(message: Any, bytes_per_pixel: int, rows: int) -> NDArray[np.uint8]:
    """The used bytes of every row, uint8 [rows, width * bytes_per_pixel], a view."""
    used = message.width * bytes_per_pixel
    if message.step < used:
        raise DecodeError(
            "wrong step",
            f"step is {message.step}, but {message.width} pixels of {message.encoding} need at "
            f"least {used} bytes a row",
        )
    expected = message.step * rows
    if len(message.data) != expected:
        reason = "truncated data" if len(message.data) < expected else "too much data"
        raise DecodeError(
            reason,
            f"data has {len(message.data)} bytes, but {rows} rows of step {message.step} "
            f"({message.encoding}, {message.width}x{message.height}) are {expected}",
        )
    data = np.frombuffer(message.data, np.uint8).reshape(rows, message.step)
    return data[:, :used]


def _decode_packed(message: Any, bytes_per_pixel: int, conversion: int | None) -> BgrImage:
    if message.encoding in _HALF_WIDTH_CHROMA and message.width % 2:
        raise DecodeError(
            "wrong size",
            f"{message.encoding} shares its colour between two pixels of a row, but the width is "
            f"{message.width}",
        )
    rows = _rows(message, bytes_per_pixel, message.height)
    if bytes_per_pixel > 1:
        rows = rows.reshape(message.height, message.width, bytes_per_pixel)
    if conversion is None:
        return rows
    return _convert(message, rows, conversion)


def _decode_mono16(message: Any) -> BgrImage:
    rows = np.ascontiguousarray(_rows(message, 2, message.height))
    values = rows.view(">u2" if message.is_bigendian else "<u2").astype(np.uint16, copy=False)
    grey = cv2.convertScaleAbs(values, alpha=255.0 / 65535.0)
    return _convert(message, grey, cv2.COLOR_GRAY2BGR)


def _decode_semi_planar(message: Any, conversion: int) -> BgrImage:
    if message.width % 2 or message.height % 2:
        raise DecodeError(
            "wrong size",
            f"{message.encoding} shares its colour between 2x2 pixels, but the image is "
            f"{message.width}x{message.height}",
        )
    return _convert(message, _rows(message, 1, message.height * 3 // 2), conversion)


def _convert(message: Any, pixels: NDArray[Any], conversion: int) -> BgrImage:
    try:
        return cv2.cvtColor(pixels, conversion).astype(np.uint8, copy=False)
    except cv2.error as error:  # for example a Bayer picture of one row
        raise DecodeError(
            "undecodable",
            f"OpenCV cannot convert {message.encoding}, {message.width}x{message.height}: "
            f"{error.err}",
        ) from error


def _decode_by_cv_bridge(message: Any) -> BgrImage:
    supported = "known here: " + ", ".join(SUPPORTED_ENCODINGS)
    try:
        bridge = cv_bridge()
    except CvBridgeUnusableError as error:
        raise DecodeError(
            "unsupported encoding",
            f"encoding '{message.encoding}' needs cv_bridge, which cannot be used ({error}); "
            f"{supported}",
        ) from error
    try:
        picture = bridge.imgmsg_to_cv2(message, "bgr8")
    except Exception as error:  # CvBridgeError, or what its parsing of the encoding raises
        raise DecodeError(
            "unsupported encoding",
            f"cv_bridge cannot convert encoding '{message.encoding}': {error}; {supported}",
        ) from error
    return np.asarray(picture, np.uint8)


# First bytes, last bytes, and what the last bytes are called.
_ENDS = (
    (b"\xff\xd8", b"\xff\xd9", "JPEG's end marker"),
    (b"\x89PNG", b"IEND\xaeB`\x82", "PNG's end chunk"),
)


def _missing_end(data: NDArray[np.uint8]) -> str | None:
    """What a JPEG or PNG lacks at its end. Decoders fill a cut picture with grey and succeed."""
    head = data[:8].tobytes()
    # Some cameras pad their JPEGs with zeros.
    tail = data[-4096:].tobytes().rstrip(b"\0")
    for first, last, name in _ENDS:
        if head.startswith(first) and not tail.endswith(last):
            return name
    return None
