# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Image messages to pictures and back, without ROS: messages are read by their attributes.

`sensor_msgs/Image` is read as its definition says: `height` rows of `step` bytes, each row
beginning with the pixels and perhaps ending with padding. What does not fit, too little data and
too much, is refused with a sentence, because a picture that is read wrongly would be judged as if
it were the road.

This is the only decoder: the node, the tools that read bags, and `training` call it. The rules for
encodings are in `encodings.py`, those for compressed pictures in `picture_files.py`.
"""

import array
import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.messages.encodings import ENCODINGS, PICTURE_ENCODINGS, Encoding, Layout
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.guarded_cv_bridge import CvBridgeUnusableError, cv_bridge
from cosme_ros.messages.picture_files import decode_picture, decode_stored
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS, check_pixels

__all__ = [
    "BgrImage",
    "DecodeError",
    "decode_compressed",
    "decode_image",
    "decode_plane",
    "fill_image",
]

BgrImage = NDArray[np.uint8]

_OUTPUTS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "32FC1": (np.float32, ()),
    "mono8": (np.uint8, ()),
    "bgr8": (np.uint8, (3,)),
}


def decode_image(message: Any, *, max_pixels: int = MAX_IMAGE_PIXELS) -> BgrImage:
    """Return the picture of a sensor_msgs/Image.

    bgr8 and 8UC3 are not copied: the result then shares memory with `message`, and is strided where
    rows are padded. An encoding that is not in ENCODINGS is left to cv_bridge, where that is
    installed.

    Args:
        message: The message, or an object with its fields.
        max_pixels: Width times height of the largest image that is decoded.

    Returns:
        uint8 [H, W, 3] BGR.

    Raises:
        DecodeError: The encoding is not read, size and data do not agree, or it is too large.
    """
    check_pixels(message.width, message.height, max_pixels)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        return _decode_by_cv_bridge(message)
    if not encoding.picture:
        raise DecodeError(
            "unsupported encoding",
            f"encoding '{message.encoding}' holds numbers, not brightness: it is read as labels, "
            f"not as a picture; pictures are {', '.join(PICTURE_ENCODINGS)}",
        )
    _check_shared_colour(message, encoding)
    values = _values(message, encoding)
    return (
        values
        if encoding.dtype == "u1" and encoding.to_bgr is None
        else _convert(values, encoding, message.encoding)
    )


def decode_compressed(message: Any, *, max_pixels: int = MAX_IMAGE_PIXELS) -> BgrImage:
    """Return the picture of a sensor_msgs/CompressedImage.

    A picture of one channel whose `format` names a Bayer pattern ("bayer_rggb8; png compressed ")
    is interpolated as an Image of that encoding is: compressed_image_transport stores the mosaic of
    a camera that sends Bayer as if it were grey.

    Args:
        message: The message, or an object with its fields.
        max_pixels: Width times height of the largest picture that is decoded.

    Returns:
        uint8 [H, W, 3] BGR.

    Raises:
        DecodeError: It is no picture of a format that is read, damaged, or too large.
    """
    sent, _, stored = message.format.partition(";")
    name, target = sent.strip(), stored.partition("compressed")[2].strip()
    encoding = ENCODINGS.get(name)
    if encoding is None or not encoding.mosaic or target not in ("", name):
        return decode_picture(message.data, max_pixels=max_pixels)
    mosaic, header = decode_stored(message.data, max_pixels=max_pixels)
    if mosaic.ndim != 2 or header.channels != 1:
        return decode_picture(message.data, max_pixels=max_pixels)
    return _convert(mosaic, encoding, name)


def decode_plane(message: Any, encodings: Mapping[str, type[np.generic]]) -> NDArray[Any]:
    """Return the numbers of a sensor_msgs/Image of one channel.

    Args:
        message: the image.
        encodings: the allowed encodings, each with the type of its numbers.

    Returns:
        [H, W] of the type that `encodings` has for the encoding.

    Raises:
        DecodeError: the encoding is another one, or size and data do not agree.
    """
    if message.encoding not in encodings:
        raise DecodeError(
            "encoding", f"it is {message.encoding}, but must be {' or '.join(encodings)}"
        )
    dtype = np.dtype(encodings[message.encoding])
    check_pixels(message.width, message.height, message.width * message.height)
    return _numbers(_rows(message, message.width * dtype.itemsize, message.height), message, dtype)


def fill_image(message: Any, picture: NDArray[Any], encoding: str, header: Any) -> None:
    """Write `picture` into a sensor_msgs/Image.

    Args:
        message: the message that is filled.
        picture: float32 [H, W] for 32FC1, uint8 [H, W] for mono8, uint8 [H, W, 3] for bgr8.
        encoding: one of these three.
        header: taken as it is.

    Raises:
        ValueError: the picture does not fit the encoding.
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


def _rows(message: Any, used: int, rows: int) -> NDArray[np.uint8]:
    """Return the used bytes of every row, uint8 [rows, used], a view."""
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


def _values(message: Any, encoding: Encoding) -> NDArray[Any]:
    """Return [rows, W] for one channel, else [rows, W, channels], in this machine's byte order."""
    dtype = np.dtype(encoding.dtype)
    semi_planar = encoding.layout is Layout.SEMI_PLANAR
    height = message.height * 3 // 2 if semi_planar else message.height
    rows = _rows(message, message.width * encoding.channels * dtype.itemsize, height)
    if encoding.channels > 1:
        shape: tuple[int, ...] = (height, message.width, encoding.channels)
    else:
        shape = (height, message.width)
    if dtype.itemsize == 1:
        return rows.reshape(shape)
    return _numbers(rows, message, dtype).reshape(shape)


def _numbers(rows: NDArray[np.uint8], message: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the numbers of a type in rows of bytes, contiguous, in this machine's byte order."""
    sent = dtype.newbyteorder(">" if message.is_bigendian else "<")
    return np.ascontiguousarray(rows).view(sent).astype(dtype, copy=False)


def _check_shared_colour(message: Any, encoding: Encoding) -> None:
    if encoding.layout is Layout.SHARED_BY_TWO and message.width % 2:
        raise DecodeError(
            "wrong size",
            f"{message.encoding} shares its colour between two pixels of a row, but the width is "
            f"{message.width}",
        )
    if encoding.layout is Layout.SEMI_PLANAR and (message.width % 2 or message.height % 2):
        raise DecodeError(
            "wrong size",
            f"{message.encoding} shares its colour between 2x2 pixels, but the image is "
            f"{message.width}x{message.height}",
        )


def _convert(values: NDArray[Any], encoding: Encoding, name: str) -> BgrImage:
    pixels = values if values.dtype == np.uint8 else encoding.to_8_bits(values)
    if encoding.to_bgr is None:
        return pixels
    try:
        return cv2.cvtColor(pixels, encoding.to_bgr).astype(np.uint8, copy=False)
    except cv2.error as error:  # for example a Bayer picture of one row
        raise DecodeError(
            "undecodable",
            f"OpenCV cannot convert {name}, {values.shape[1]}x{values.shape[0]}: {error.err}",
        ) from error


# OpenCV's own names of types, such as 32FC1: cv_bridge has no colours for them either.
_TYPE_OF_OPENCV = re.compile(r"(8|16|32|64)[USF]C\d*")


def _decode_by_cv_bridge(message: Any) -> BgrImage:
    supported = "known here: " + ", ".join(PICTURE_ENCODINGS)

    def refusal(fault: str) -> DecodeError:
        sentence = f"encoding '{message.encoding}' {fault}; {supported}"
        return DecodeError("unsupported encoding", sentence)

    if _TYPE_OF_OPENCV.fullmatch(message.encoding):
        raise refusal("does not say what its channels are")
    try:
        bridge = cv_bridge()
    except CvBridgeUnusableError as error:
        raise refusal(
            f"is not known here, and cv_bridge, which may know it, cannot be used ({error})"
        ) from error
    try:
        picture = bridge.imgmsg_to_cv2(message, "bgr8")
    except Exception as error:  # CvBridgeError, or what its parsing of the encoding raises
        raise refusal(f"cannot be converted by cv_bridge: {error}") from error
    return np.asarray(picture, np.uint8)
