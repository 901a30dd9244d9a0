# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The encodings of sensor_msgs/Image that are read: one table for pictures and labels.

A new encoding is one row of ENCODINGS; one with another order of bytes also needs a layout in
`images.py`. Everything else (node, bag tools, training, error messages, the conformance test) goes
by the table.

Rules that hold for every reader:

- Pixels become uint8 BGR. Grey becomes three equal channels; an alpha channel is dropped.
- 16-bit colour and 16-bit Bayer values are read by their upper byte, as OpenCV reads a PNG of 16
  bits. mono16 is scaled by 255/65535 and rounded, as cv_bridge does.
- 8UC3 is BGR and 8UC1 is grey, as `cv2_to_imgmsg` publishes OpenCV's arrays.
- A Bayer mosaic is interpolated bilinearly, also where a CompressedImage holds it.
- Labels are values and are never scaled: 1 is 1 in mono8, mono16, 16UC1 and 32SC1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


class Layout(Enum):
    """How the bytes of an image follow each other."""

    PACKED = auto()
    """Pixel by pixel, row by row."""
    SHARED_BY_TWO = auto()
    """As PACKED; two neighbours in a row share their colour, so that the width is even."""
    SEMI_PLANAR = auto()
    """Full-size luma rows, then half as many rows of interleaved chroma, all `step` bytes long."""


def upper_byte(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return value // 256 of every element, uint8, in the same shape."""
    pairs = values.view(np.uint8).reshape(values.shape[0], -1, 2)
    upper = cv2.extractChannel(pairs, 1 if np.little_endian else 0)
    return upper.reshape(values.shape).astype(np.uint8, copy=False)


def scaled(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return value x 255 / 65535 of every element, rounded, uint8, in the same shape."""
    return cv2.convertScaleAbs(values, alpha=255.0 / 65535.0).astype(np.uint8, copy=False)


@dataclass(frozen=True)
class Encoding:
    """One row of the table."""

    channels: int
    to_bgr: int | None = None
    """OpenCV's conversion of 8-bit pixels to BGR; None where they are BGR."""
    dtype: str = "u1"
    """NumPy's type of one value, without byte order."""
    layout: Layout = Layout.PACKED
    to_8_bits: Callable[[NDArray[Any]], NDArray[np.uint8]] = upper_byte
    """How values of 16 bits become values of 8."""
    picture: bool = True
    """Whether it can be the world as a camera sees it."""
    label: bool = False
    """Whether it can be an image of class ids."""
    mosaic: bool = False
    """Whether each pixel has one of three colours (Bayer)."""


def _bayer(to_bgr: int, dtype: str = "u1") -> Encoding:
    return Encoding(1, to_bgr, dtype, mosaic=True)


_UYVY = Encoding(2, cv2.COLOR_YUV2BGR_UYVY, layout=Layout.SHARED_BY_TWO)
_YUYV = Encoding(2, cv2.COLOR_YUV2BGR_YUY2, layout=Layout.SHARED_BY_TWO)

# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first row's
# first two: BG there is RGGB here.
ENCODINGS: dict[str, Encoding] = {
    "bgr8": Encoding(3),
    "rgb8": Encoding(3, cv2.COLOR_RGB2BGR),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2BGR),
    "8UC3": Encoding(3),
    "mono8": Encoding(1, cv2.COLOR_GRAY2BGR, label=True),
    "8UC1": Encoding(1, cv2.COLOR_GRAY2BGR, label=True),
    "bgr16": Encoding(3, None, "u2"),
    "rgb16": Encoding(3, cv2.COLOR_RGB2BGR, "u2"),
    "bgra16": Encoding(4, cv2.COLOR_BGRA2BGR, "u2"),
    "rgba16": Encoding(4, cv2.COLOR_RGBA2BGR, "u2"),
    "mono16": Encoding(1, cv2.COLOR_GRAY2BGR, "u2", to_8_bits=scaled, label=True),
    "bayer_rggb8": _bayer(cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": _bayer(cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": _bayer(cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": _bayer(cv2.COLOR_BayerGB2BGR),
    "bayer_rggb16": _bayer(cv2.COLOR_BayerBG2BGR, "u2"),
    "bayer_bggr16": _bayer(cv2.COLOR_BayerRG2BGR, "u2"),
    "bayer_gbrg16": _bayer(cv2.COLOR_BayerGR2BGR, "u2"),
    "bayer_grbg16": _bayer(cv2.COLOR_BayerGB2BGR, "u2"),
    # `uyvy` and `yuyv` are the newer names of the same two layouts.
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(1, cv2.COLOR_YUV2BGR_NV12, layout=Layout.SEMI_PLANAR),
    "nv21": Encoding(1, cv2.COLOR_YUV2BGR_NV21, layout=Layout.SEMI_PLANAR),
    # Depth and class ids: numbers without a brightness.
    "16UC1": Encoding(1, None, "u2", picture=False, label=True),
    "32SC1": Encoding(1, None, "i4", picture=False, label=True),
}

PICTURE_ENCODINGS = tuple(name for name, row in ENCODINGS.items() if row.picture)
LABEL_ENCODINGS = tuple(name for name, row in ENCODINGS.items() if row.label)
