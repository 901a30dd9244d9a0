# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures on disk: found in folders, read as frames."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cosme_ros.messages.images import DecodeError
from cosme_ros.messages.picture_files import decode_picture
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS
from cosme_ros.metrics.labels import ids_of_file
from cosme_ros.natural_order import natural_order
from training.errors import UsageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def find_pictures(root: Path, endings: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """List the pictures under a folder, all levels deep, in natural order of their paths.

    Natural order counts numbers as numbers: frame_2 comes before frame_10. Hidden files are
    passed over.

    Args:
        root: a folder, or a link to one.
        endings: of the names that count; upper and lower case are the same.

    Raises:
        UsageError: no such folder, or no picture in it.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected a folder of {', '.join(endings)} files")
    wanted = tuple(ending.lower() for ending in endings)
    found = [
        path
        for path in _files(root)
        if path.name.lower().endswith(wanted) and not path.name.startswith(".")
    ]
    if not found:
        raise UsageError(f"{root} holds no picture; expected {', '.join(endings)} files")
    return sorted(found, key=lambda path: natural_order(path.relative_to(root).as_posix()))


def first_folder(*candidates: Path) -> Path:
    """Return the first that exists; the first of all where none does, to be named in an error."""
    return next((path for path in candidates if path.is_dir()), candidates[0])


def read_image(path: Path, *, max_pixels: int = MAX_IMAGE_PIXELS) -> np.ndarray:
    """Read a picture as the vehicle half reads the same file out of a message.

    Args:
        path: a JPEG, PNG, TIFF or WebP. Its orientation tag is ignored: pixels come as stored.
        max_pixels: width times height of the largest picture that is decoded.

    Returns:
        uint8 [H, W, 3], BGR.

    Raises:
        UsageError: the file cannot be read, is damaged or cut off, or too large.
    """
    try:
        return decode_picture(path.read_bytes(), max_pixels=max_pixels)
    except (OSError, DecodeError) as error:
        raise UsageError(f"{path} cannot be decoded: {error}") from error


def read_ids(path: Path, *, max_pixels: int = MAX_IMAGE_PIXELS) -> np.ndarray:
    """Read a label picture as it is written.

    Args:
        path: a PNG of one channel of 8 or 16 bits.
        max_pixels: width times height of the largest label that is read.

    Returns:
        uint16 [H, W].

    Raises:
        UsageError: the file cannot be read, is damaged, too large, or no label picture.
    """
    try:
        return ids_of_file(path.read_bytes(), max_pixels=max_pixels)
    except (OSError, DecodeError) as error:
        raise UsageError(f"{path} cannot be read as labels: {error}") from error


def _files(root: Path) -> Iterator[Path]:
    # Not rglob, which passes over linked folders: data sets are often linked together.
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            yield Path(folder) / name
