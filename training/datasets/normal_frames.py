# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Normal frames for fitting, at the network's size, and their split into fit and calibration."""

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from cosme_ros.postprocessing.static_mask import StaticMask, StaticMaskError, load_static_mask
from training.datasets.interface import FrameSource, crop_to_aspect, evenly_spread
from training.errors import UsageError

MOST_DECODED_BYTES = 1 << 30
"""Of the file with the decoded frames."""

FEWEST_FRAMES = 4
"""Below this there is nothing to fit on once calibration has its share."""


class FitFrames:
    """Some frames of a source, cropped to the network input's ratio of sides and resized.

    Args:
        source: where frames come from.
        indices: which of them, in order.
        size: (height, width) of the network input in pixels.
        picture_size: (height, width) that frames are resized to; None: the network input's. A
            generalist with a larger input of its own needs them larger: what is fitted to has to be
            as sharp as what the bundle's graphs will make of a camera image.
        static_mask: of the frames as they are given out; None where all of them is looked at.
    """

    def __init__(
        self,
        source: FrameSource,
        indices: Sequence[int],
        size: tuple[int, int],
        picture_size: tuple[int, int] | None = None,
        static_mask: StaticMask | None = None,
    ) -> None:
        self._source = source
        self.static_mask = static_mask
        self._indices = indices
        self.size = size
        self._picture_size = picture_size or size
        self._decoded: NDArray[np.uint8] | None = None

    def decode_once(self, folder: Path) -> None:
        """Decode every frame now, in order, and read them from a file in `folder` from now on.

        Of a video or a bag, a frame out of order costs the decoding of others before it. Nothing
        happens where the source is quick in any order, or the file would be larger than
        MOST_DECODED_BYTES or half of what is free. The file has no name, and ends with this object.
        """
        shape = (len(self), *self._picture_size, 3)
        if not getattr(self._source, "worth_keeping", False):
            return
        # A mapped file on a disk that is full ends the process.
        if math.prod(shape) > min(MOST_DECODED_BYTES, shutil.disk_usage(folder).free // 2):
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            pixels = np.memmap(file, np.uint8, "w+", shape=shape)
        for index in tqdm(range(len(self)), "frames", unit="frame"):
            pixels[index] = self[index]
        self._decoded = pixels

    def __getstate__(self) -> dict[str, Any]:
        # Pickled, a mapped file is all that is in it.
        return {**self.__dict__, "_decoded": None}

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return frame `index`, uint8 [H, W, 3], BGR, of the picture size."""
        if self._decoded is not None:
            return np.array(self._decoded[index])
        return self.resized(self.original(index))

    def resized(self, original: np.ndarray) -> np.ndarray:
        """Bring what `original` returned to the picture size, uint8 [H, W, 3], BGR."""
        image, wanted = original, self._picture_size
        if image.shape[:2] != wanted:
            shrinks = image.shape[0] > wanted[0]
            # As the graphs do: what is made smaller is averaged.
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = cv2.resize(image, wanted[::-1], interpolation=method)
        return np.ascontiguousarray(image)

    def original(self, index: int) -> np.ndarray:
        """Return frame `index` as the node gets it, uint8 [H, W, 3], BGR, of the camera's size.

        Cut to the aspect of the network input. One that was enlarged is less sharp.
        """
        return crop_to_aspect(self._source[int(self._indices[index])], *self.size)

    @property
    def resize_to(self) -> tuple[int, int] | None:
        """Return the size that a network of `size` resizes frames to; None where they have it."""
        return None if self._picture_size == self.size else self.size


def split_frames(
    source: FrameSource,
    size: tuple[int, int],
    *,
    calibration_share: float,
    most: int | None,
    picture_size: tuple[int, int] | None = None,
    static_mask: StaticMask | None = None,
) -> tuple[FitFrames, FitFrames]:
    """Set frames aside for calibration: the last ones.

    The last in order, not a random choice: neighbours in a drive are nearly the same picture,
    and calibration on a twin of a fitted frame would promise too much.

    Args:
        source: normal frames.
        size: (height, width) of the network input in pixels.
        calibration_share: of the frames, in 0..1, both ends excluded.
        most: use at most this many frames, evenly spread; None uses all.
        picture_size: as of FitFrames.
        static_mask: as of FitFrames.

    Raises:
        UsageError: too few frames, or a share outside 0..1.
    """
    if not 0.0 < calibration_share < 1.0:
        raise UsageError(f"--calibration-share {calibration_share} is not between 0 and 1")
    count = len(source) if most is None else min(most, len(source))
    if count < FEWEST_FRAMES:
        raise UsageError(
            f"{count} frames are too few to fit and calibrate on; at least {FEWEST_FRAMES} are "
            "needed, and some hundred of all places and light are right"
        )
    indices = evenly_spread(len(source), count)
    held_out = min(max(1, round(count * calibration_share)), count - 1)
    return (
        FitFrames(source, indices[:-held_out], size, picture_size, static_mask),
        FitFrames(source, indices[-held_out:], size, picture_size, static_mask),
    )


def open_static_mask(
    path: str | None,
    source: FrameSource,
    size: tuple[int, int],
    *,
    orientation: ImageOrientation = AS_IT_IS,
) -> StaticMask | None:
    """Return the static mask of a camera, cut as FitFrames cuts the camera's frames.

    Args:
        path: PNG of the camera's image, white where it is looked at; None or empty for none.
        source: frames of the camera, upright.
        size: (height, width) of the network input in pixels.
        orientation: how the camera's images, and the mask as they are, become upright.

    Raises:
        UsageError: the file is no mask, was made for frames of another ratio of sides, or leaves
            nothing.
    """
    if not path or not len(source):
        return None
    try:
        mask = load_static_mask(path)
        assert mask is not None
        height, width = orientation.size(*source[0].shape[:2])
        mismatch = mask.mismatch(height, width, "frames are")
        if mismatch is not None:
            raise UsageError(f"--static-mask: {mismatch}")
        looked_at = orientation.upright(mask.at(height, width).view(np.uint8)).view(bool)
        return StaticMask(crop_to_aspect(looked_at, *size), mask.path, mask.sha256)
    except StaticMaskError as error:
        raise UsageError(f"--static-mask: {error}") from error
