# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads labels, for both halves, and names the values of a label.

A label is an image of class ids, one channel of them. It comes as a sensor_msgs/Image in one of
LABEL_ENCODINGS, or as a PNG of 8 or 16 bits. Ids are never scaled, whatever the encoding: 1 stays
1. What could be read as other ids than those that were written is refused: colours, palettes, fewer
than 8 bits (which decoders stretch), ids below 0 or above 65535, and formats that lose.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.messages.encodings import ENCODINGS, LABEL_ENCODINGS
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.images import decode_plane
from cosme_ros.messages.picture_files import decode_stored
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS, check_pixels

NORMAL, ANOMALY, IGNORED = 0, 1, 255
"""The values of a label image."""

_TYPES = {name: np.dtype(ENCODINGS[name].dtype).type for name in LABEL_ENCODINGS}
_LARGEST = 65535


def ids_of_message(message: Any, *, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint16]:
    """Return the class ids of a sensor_msgs/Image.

    Args:
        message: The message, or an object with its fields, in one of LABEL_ENCODINGS.
        max_pixels: Width times height of the largest label that is read.

    Returns:
        uint16 [H, W], as written.

    Raises:
        DecodeError: Another encoding, size and data do not agree, too large, or an id that is not
            between 0 and 65535.
    """
    check_pixels(message.width, message.height, max_pixels)
    values = decode_plane(message, _TYPES)
    for value in (values.min(), values.max()):
        if not 0 <= value <= _LARGEST:
            raise DecodeError("label values", f"it holds the id {value}; ids are 0 to {_LARGEST}")
    return values.astype(np.uint16)


def ids_of_file(data: Any, *, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint16]:
    """Return the class ids of a label picture.

    Args:
        data: The whole PNG file, bytes.
        max_pixels: Width times height of the largest label that is read.

    Returns:
        uint16 [H, W], as written.

    Raises:
        DecodeError: Not a whole PNG, not one channel of 8 or 16 bits, or too large.
    """
    values, header = decode_stored(data, max_pixels=max_pixels)
    if header.format != "PNG":
        raise DecodeError("label format", f"it is a {header.format}, but labels are PNG")
    if values.ndim != 2 or header.bits < 8:
        channels = 1 if values.ndim == 2 else values.shape[2]
        raise DecodeError(
            "label format",
            f"it has {channels} channels of {header.bits} bits; a label picture has one channel of "
            "8 or 16 bits, whose values are class ids (no palette, no colours)",
        )
    return values.astype(np.uint16)


def to_size(score: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Bring a score map, float32 [h, w] or [h, w, n], to a size [H, W] bilinearly."""
    if score.shape[:2] == tuple(size[:2]):
        return score
    return cv2.resize(score, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
