# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decodes picture files: what a CompressedImage holds, and what lies in a folder of pictures.

One rule for messages and folders:

- A file is decoded whole or refused. What the JPEG decoder only warns of (data that end too early,
  data that are left over) is an error: decoders fill the missing part with grey, and a network
  scores that as if it were the road.
- What follows the picture's end is ignored.
- The orientation tag (EXIF) is ignored: pixels stay as the sensor stored them. camera_info, label
  pictures and every other consumer of a topic mean these pixels, and a camera that is mounted
  upside down tags each frame of the drive alike, so that training sees what the vehicle sees.
- The number of pixels is asked of the header, before memory is taken.

JPEGs are decoded by simplejpeg (libjpeg-turbo) where it is installed, else by OpenCV, with equal
pixels. OpenCV does not report warnings: there, a scan that is too short is found by its grey end,
and one that is too long is not found. No decoder finds a damage that leaves a valid scan of the
right length, such as one flipped bit; TIFF and WebP are only checked for being complete.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.picture_headers import (
    MAX_IMAGE_PIXELS,
    PictureHeader,
    check_pixels,
    read_header,
)

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

_AS_STORED = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
_AS_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_picture(data: Any, *, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """Return the pixels of a picture file as colours.

    Args:
        data: The whole file; bytes, or an object with a buffer of bytes.
        max_pixels: Width times height of the largest picture that is decoded.

    Returns:
        uint8 [H, W, 3] BGR. Values of 16 bits in a PNG are read by their upper byte.

    Raises:
        DecodeError: It is no picture of a format that is read, damaged, or too large.
    """
    content, header = _checked(data, max_pixels)
    return _decode(content, header, _AS_COLOUR).astype(np.uint8, copy=False)


def decode_stored(
    data: Any, *, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[NDArray[Any], PictureHeader]:
    """Return the values of a picture file as they are stored, and its header.

    Args:
        data: As in `decode_picture`.
        max_pixels: As in `decode_picture`.

    Returns:
        [H, W] for one channel, else [H, W, channels]; uint8 or uint16, BGR where there are colours.

    Raises:
        DecodeError: As in `decode_picture`.
    """
    content, header = _checked(data, max_pixels)
    return _decode(content, header, _AS_STORED), header


def _checked(data: Any, max_pixels: int) -> tuple[memoryview, PictureHeader]:
    view = memoryview(data)
    content = view.cast("B") if view.nbytes else memoryview(b"")  # nothing cannot be cast
    header = read_header(content)
    check_pixels(header.width, header.height, max_pixels)
    return content[: header.end], header


def _decode(content: memoryview, header: PictureHeader, flags: int) -> NDArray[Any]:
    if header.format != "JPEG":
        return _by_opencv(content, header, flags)
    # simplejpeg knows neither CMYK as OpenCV does nor 12 bits.
    if simplejpeg is None or header.channels == 4 or header.bits != 8:
        return _jpeg_by_opencv(content, header, flags)
    is_grey = flags == _AS_STORED and header.channels == 1
    try:
        pixels = simplejpeg.decode_jpeg(content, colorspace="GRAY" if is_grey else "BGR")
    except ValueError as error:
        raise _undecodable(header, len(content), str(error)) from error
    return np.asarray(pixels[..., 0] if is_grey else pixels)


def _undecodable(header: PictureHeader, size: int, why: str) -> DecodeError:
    return DecodeError(
        "damaged data",
        f"the {header.format} of {header.width}x{header.height} pixels and {size} bytes is damaged "
        f"or of a kind that is not read: {why}",
    )


def _by_opencv(content: memoryview, header: PictureHeader, flags: int) -> NDArray[Any]:
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:  # for example a size that OpenCV refuses
        raise _undecodable(header, len(content), error.err) from error
    if pixels is None:
        raise _undecodable(header, len(content), "OpenCV cannot decode it")
    return np.asarray(pixels)


# What decodes to anything but grey, and holds no marker.
_FILLER = bytes(range(0xFF))


def _jpeg_by_opencv(content: memoryview, header: PictureHeader, flags: int) -> NDArray[Any]:
    """Decode a JPEG by OpenCV, which fills with grey what the scan lacks and reports nothing."""
    pixels = _by_opencv(content, header, flags)
    # Where the last block has one column or row in the picture, its colours are mixed with those
    # of its neighbour, so that the corner is not grey.
    is_grey = bool((pixels[-1, -1] == 128).all())
    if is_grey or header.width % 16 == 1 or header.height % 16 == 1:
        # Bytes behind a complete scan change nothing; behind a short one they become pixels.
        longer = _by_opencv(
            memoryview(bytes(content[:-2]) + _FILLER + bytes(content[-2:])), header, flags
        )
        if not np.array_equal(longer, pixels):
            raise _undecodable(header, len(content), "its data end before its last pixels")
    return pixels
