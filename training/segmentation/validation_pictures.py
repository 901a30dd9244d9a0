# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of a validation: the frame, its label and what the network predicted, side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.output_folder import prepare_output_dir
from training.datasets.interface import evenly_spread
from training.datasets.readers.class_list import SegmentationClass

FOLDER = "pictures"
"""Of a run."""

MOST = 6
_SHARE_OF_COLOUR = 0.6


class ValidationPictures:
    """Writes FOLDER/frame_NNNN.png for MOST frames, evenly spread.

    Args:
        run: folder of the run; earlier pictures in it are replaced.
        classes: whose colours are drawn.
        frames: how many there are.
        log: called with the name of each picture and the picture, uint8 [H, 3 W, 3] BGR.
    """

    def __init__(
        self,
        run: Path,
        classes: Sequence[SegmentationClass],
        frames: int,
        *,
        log: Callable[[str, NDArray[np.uint8]], object],
    ) -> None:
        self.folder = run / FOLDER
        prepare_output_dir(self.folder, ("frame_*.png",), overwrite=True)
        self._log = log
        self._shown = evenly_spread(frames, MOST)
        # What has no class stays black.
        self._colours = np.zeros((256, 3), np.uint8)
        for number, entry in enumerate(classes):
            self._colours[number] = entry.colour[::-1]

    def add(
        self,
        index: int,
        image: NDArray[np.uint8],
        label: NDArray[np.uint8],
        predicted: NDArray[np.uint8],
    ) -> None:
        """Write a frame, if it is one of those.

        Args:
            index: of the frame.
            image: uint8 [h, w, 3] BGR.
            label: uint8 [H, W], class ids, 255 = ignored.
            predicted: uint8 [H, W], class ids.
        """
        if index not in self._shown:
            return
        size = (label.shape[1], label.shape[0])
        frame = cv2.resize(image, size) if image.shape[:2] != label.shape else image
        panels = [
            frame,
            *(
                cv2.addWeighted(
                    self._colours[ids], _SHARE_OF_COLOUR, frame, 1 - _SHARE_OF_COLOUR, 0
                )
                for ids in (label, predicted)
            ),
        ]
        path = self.folder / f"frame_{index:04d}.png"
        picture = np.asarray(np.hstack(panels), np.uint8)
        if not cv2.imwrite(str(path), picture):
            raise OSError(f"{path} cannot be written")
        self._log(f"{FOLDER}/{path.stem}", picture)
