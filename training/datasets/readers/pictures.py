# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures on disk: found in folders, read as frames."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

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


def read_image(path: Path) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3], BGR.

    Raises:
        UsageError: the file cannot be decoded.
    """
    return read_unchanged(path, cv2.IMREAD_COLOR)


def read_unchanged(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Read a picture with as many channels and bits as the file has.

    Raises:
        UsageError: the file cannot be decoded.
    """
    image = cv2.imread(str(path), flags)
    if image is None:
        raise UsageError(f"{path} cannot be decoded as a picture; is it complete?")
    return image


def natural_order(text: str) -> list[tuple[int, str]]:
    """Return a key to sort by that counts numbers as numbers."""
    pieces = re.split(r"(\d+)", text)
    # Text and numbers alternate, so that text meets text; the text behind a number decides
    # between 1 and 01.
    return [(int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def _files(root: Path) -> Iterator[Path]:
    # Not rglob, which passes over linked folders: data sets are often linked together.
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            yield Path(folder) / name
