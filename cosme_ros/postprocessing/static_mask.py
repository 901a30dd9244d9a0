# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The part of a camera's image that never shows the road: bonnet, rain cover, edge of the lens.

A static mask is a PNG in grey: white pixels are looked at, black pixels never. A masked pixel is
not looked at, which is not the same as clear: no obstacle is found there, and the overlay, the
diagnostics and the reports state how much of the image that is.
"""

import hashlib
import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.foreign_text import printable
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.picture_files import decode_stored
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS

RATIO_TOLERANCE = 0.05
"""Difference in the ratio of sides above which a mask was made for other images."""
_MOST_BYTES = 64 << 20  # a mask compresses to kilobytes
_MOST_SIZES = 8  # image, grid of the score and labels of one camera; more sizes are no camera
_log = logging.getLogger(__name__)


class StaticMaskError(ValueError):
    """A file is no static mask; the sentence says what would be right."""


class StaticMask:
    """Which pixels of a camera are looked at, in any size that is asked for.

    Args:
        looked_at: bool [h, w], at least one True.
        path: of the file, for messages.
        sha256: of the file's content, in hexadecimal digits.

    Raises:
        StaticMaskError: nothing is looked at.

    >>> mask = StaticMask(np.array([[True, True], [False, False]]))
    >>> mask.hidden_share
    0.5
    >>> mask.at(4, 1)[:, 0].tolist()
    [True, True, False, False]
    """

    def __init__(self, looked_at: NDArray[np.bool_], path: str = "", sha256: str = "") -> None:
        if not looked_at.any():
            raise StaticMaskError(
                f"static_mask '{path}' has no white pixel: nothing would be looked at; white "
                "(255) is looked at, black (0) is not"
            )
        self.path = path
        self.sha256 = sha256
        self.hidden_share = float(1 - np.count_nonzero(looked_at) / looked_at.size)
        """Share of the image that is not looked at, 0..1."""
        self._looked_at = looked_at.astype(np.uint8)
        self._by_size: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._compared: set[tuple[int, int]] = set()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the file."""
        return self._looked_at.shape[0], self._looked_at.shape[1]

    def at(self, height: int, width: int) -> NDArray[np.bool_]:
        """Return where an image of this size is looked at, bool [height, width]; not to be written.

        Each pixel has the value of the mask at its centre.
        """
        size = (height, width)
        found = self._by_size.get(size)
        if found is None:
            resized = cv2.resize(
                self._looked_at, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
            )
            found = np.asarray(resized, np.uint8).view(np.bool_)
            found.setflags(write=False)
            if len(self._by_size) >= _MOST_SIZES:
                self._by_size = {}
            self._by_size[size] = found
        return found

    def places(self, height: int, width: int) -> NDArray[np.bool_]:
        """Return the places of a coarse grid that are looked at, bool [height, width].

        All of them where the grid is too coarse for the mask, so that no sum is over nothing.
        """
        looked_at = self.at(height, width)
        return looked_at if looked_at.any() else np.ones_like(looked_at)

    def values_of(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of a map [h, w] at its `places`, float32 [n]."""
        height, width = scores.shape
        return np.asarray(scores[self.places(height, width)])

    def ignoring(self, label: NDArray[np.uint8], ignored: int) -> NDArray[np.uint8]:
        """Return a label [H, W] with the value `ignored` where nothing is looked at, uint8."""
        height, width = label.shape
        return np.where(self.at(height, width), label, np.uint8(ignored))

    def mismatch(self, height: int, width: int, what: str) -> str | None:
        """Return a sentence where the mask was made for images of another ratio of sides.

        Args:
            height: pixels of an image.
            width: pixels of an image.
            what: subject and verb of the sentence: "frames are", "the bundle's input is".
        """
        own_height, own_width = self.size
        ratio = (width / height) / (own_width / own_height)
        if abs(ratio - 1) <= RATIO_TOLERANCE:
            return None
        return (
            f"static_mask '{self.path}' is {own_width}x{own_height} pixels and {what} "
            f"{width}x{height}: their ratios of sides differ by more than {RATIO_TOLERANCE:.0%}, "
            "and the mask is stretched over other parts of the image; use a mask of the camera's "
            "own images"
        )

    def compare(self, height: int, width: int, what: str) -> None:
        """Log `mismatch`, once for each size."""
        if (height, width) in self._compared or len(self._compared) >= _MOST_SIZES:
            return
        self._compared.add((height, width))
        sentence = self.mismatch(height, width, what)
        if sentence is not None:
            _log.warning("%s", sentence)


def looked_at(
    static_mask: StaticMask | None, score: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """Return which pixels of a score [H, W] are looked at, bool [H, W]; None for all of them."""
    return None if static_mask is None else static_mask.at(*score.shape)


def visible_values(
    scores: NDArray[np.float32], static_mask: StaticMask | None
) -> NDArray[np.float32]:
    """Return the values of a map [h, w] that are looked at, float32 of any shape."""
    return scores if static_mask is None else static_mask.values_of(scores)


def load_static_mask(path: str) -> StaticMask | None:
    """Return the static mask of a PNG file; None for an empty path.

    Args:
        path: of a PNG with one channel, or with colours that are all grey. Pixels of at least half
            of the brightest possible value are looked at.

    Raises:
        StaticMaskError: there is no such file, it is no grey PNG, or it is black everywhere.
    """
    if not path:
        return None
    file = Path(path).expanduser()
    name = printable(str(file))

    def refusal(fault: str) -> StaticMaskError:
        return StaticMaskError(f"static_mask '{name}' {fault}")

    try:
        if not file.is_file():
            raise refusal(
                "cannot be read: there is no such file; a PNG, white where the image is looked at "
                "and black where it never is, is right"
            )
        if file.stat().st_size > _MOST_BYTES:
            raise refusal(
                f"has more than {_MOST_BYTES >> 20} MiB; a PNG of the camera's size in black and "
                "white is right"
            )
        content = file.read_bytes()
        pixels, header = decode_stored(content, max_pixels=MAX_IMAGE_PIXELS)
    except OSError as error:
        raise refusal(f"cannot be read: {error.strerror or error}") from error
    except DecodeError as error:
        raise refusal(f"cannot be read as a picture: {error}") from error
    if header.format != "PNG":
        raise refusal(f"is a {header.format}; a PNG, which keeps its black and white, is right")
    white = np.iinfo(pixels.dtype).max
    if pixels.ndim == 3:
        if pixels.shape[2] == 4 and (pixels[..., 3] != white).any():
            raise refusal("has transparent pixels; white and black without transparency are right")
        if (pixels[..., :3] != pixels[..., :1]).any():
            raise refusal(
                "has colours; one channel, or grey only, is right: white is looked at, black is not"
            )
        pixels = pixels[..., 0]
    return StaticMask(pixels > white // 2, name, hashlib.sha256(content).hexdigest())
