# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures out of sensor_msgs/Image and sensor_msgs/CompressedImage as rosbags reads them."""

from typing import NamedTuple, Protocol

import cv2
import numpy as np

from training.errors import UsageError


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that matter here."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: np.ndarray


class _Layout(NamedTuple):
    dtype: str
    channels: int
    to_bgr: int | None


# ROS names a Bayer pattern by its first two pixels, OpenCV by the second row's second and third.
_LAYOUTS = {
    "bgr8": _Layout("u1", 3, None),
    "8UC3": _Layout("u1", 3, None),
    "rgb8": _Layout("u1", 3, cv2.COLOR_RGB2BGR),
    "bgra8": _Layout("u1", 4, cv2.COLOR_BGRA2BGR),
    "rgba8": _Layout("u1", 4, cv2.COLOR_RGBA2BGR),
    "mono8": _Layout("u1", 1, cv2.COLOR_GRAY2BGR),
    "8UC1": _Layout("u1", 1, cv2.COLOR_GRAY2BGR),
    "mono16": _Layout("u2", 1, cv2.COLOR_GRAY2BGR),
    "bayer_rggb8": _Layout("u1", 1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": _Layout("u1", 1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": _Layout("u1", 1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": _Layout("u1", 1, cv2.COLOR_BayerGB2BGR),
    "yuv422": _Layout("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": _Layout("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": _Layout("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": _Layout("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
}
_NV12 = "nv12"


def decode_image(message: ImageMessage) -> np.ndarray:
    """Turn a sensor_msgs/Image into a picture.

    Args:
        message: encodings bgr8, rgb8, bgra8, rgba8, mono8, mono16, the 8-bit Bayer patterns,
            yuv422 (uyvy), yuv422_yuy2 (yuyv) and nv12.

    Returns:
        uint8 [H, W, 3], BGR.

    Raises:
        UsageError: another encoding, or fewer bytes than height and step say.
    """
    encoding, height, width = message.encoding, message.height, message.width
    if encoding == _NV12:
        planes = _rows(message, height * 3 // 2, width)
        return cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_NV12)
    if encoding not in _LAYOUTS:
        raise UsageError(
            f"image encoding {encoding!r} is not readable; readable are "
            f"{', '.join([*_LAYOUTS, _NV12])}"
        )
    layout = _LAYOUTS[encoding]
    dtype = np.dtype(layout.dtype).newbyteorder(">" if message.is_bigendian else "<")
    rows = _rows(message, height, width * layout.channels * dtype.itemsize)
    pixels = np.ascontiguousarray(rows).view(dtype).reshape(height, width, layout.channels)
    if dtype.itemsize == 2:
        pixels = np.round(pixels * (255.0 / 65535.0)).astype(np.uint8)
    if layout.to_bgr is None:
        return pixels
    return cv2.cvtColor(pixels, layout.to_bgr)


def decode_compressed(data: np.ndarray) -> np.ndarray:
    """Turn the data of a sensor_msgs/CompressedImage into a picture.

    Args:
        data: uint8 [n], a JPEG or PNG file.

    Returns:
        uint8 [H, W, 3], BGR.

    Raises:
        UsageError: not a picture that OpenCV decodes.
    """
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise UsageError(f"a compressed image of {len(data)} bytes cannot be decoded")
    return image


def _rows(message: ImageMessage, height: int, bytes_per_row: int) -> np.ndarray:
    step = message.step
    if step < bytes_per_row or len(message.data) < step * height:
        raise UsageError(
            f"an image of {message.width}x{message.height} {message.encoding} has step {step} and "
            f"{len(message.data)} bytes; expected step {bytes_per_row} or more and step times "
            f"{height} bytes"
        )
    return message.data[: step * height].reshape(height, step)[:, :bytes_per_row]
