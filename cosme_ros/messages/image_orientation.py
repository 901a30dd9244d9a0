# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How a camera is mounted: from its image to an upright one, and from upright maps back.

The networks have seen upright streets. An image is turned for them alone; what they give is turned
back at once. Scores, masks, overlays, boxes and markers therefore have the orientation of the
camera's image, as its camera_info, its labels and its static mask have.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATIONS = (0, 90, 180, 270)
"""Degrees, clockwise."""
FLIPS = ("none", "horizontal", "vertical")
"""'horizontal' exchanges left and right, 'vertical' top and bottom."""

_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_FLIP_CODES = {"horizontal": 1, "vertical": 0}
_FLIP_AXES = {"horizontal": -1, "vertical": -2}


@dataclass(frozen=True)
class ImageOrientation:
    """What is done to a camera's image so that it is upright: a rotation, then a flip.

    Attributes:
        rotation: degrees clockwise, one of ROTATIONS.
        flip: one of FLIPS.

    Raises:
        ValueError: another value.

    >>> ImageOrientation(90).upright(np.array([[1, 2, 3]], np.uint8)).tolist()
    [[1], [2], [3]]
    """

    rotation: int = 0
    flip: str = "none"

    def __post_init__(self) -> None:
        if self.rotation not in ROTATIONS:
            raise ValueError(
                f"image_rotation is {self.rotation}; one of "
                f"{', '.join(map(str, ROTATIONS))} is right"
            )
        if self.flip not in FLIPS:
            raise ValueError(f"image_flip is {self.flip!r}; one of {', '.join(FLIPS)} is right")

    @property
    def turns(self) -> bool:
        """Whether anything is done at all."""
        return self.rotation != 0 or self.flip != "none"

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what is H x W before; the same the other way round."""
        return (width, height) if self.rotation in (90, 270) else (height, width)

    def upright(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return a camera's image turned upright.

        Args:
            image: uint8 [H, W] or [H, W, C].

        Returns:
            The image itself where there is nothing to do, else a copy.
        """
        turned = image
        if self.rotation:
            turned = cv2.rotate(turned, _TURNS[self.rotation])
        if self.flip != "none":
            turned = cv2.flip(turned, _FLIP_CODES[self.flip])
        return turned

    def as_camera(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps of an upright image as they lie in the camera's.

        Args:
            maps: [..., h, w] of any type.

        Returns:
            The same array where there is nothing to do, else a contiguous copy.
        """
        if not self.turns:
            return maps
        turned = maps
        if self.flip != "none":
            turned = np.flip(turned, _FLIP_AXES[self.flip])
        return np.ascontiguousarray(np.rot90(turned, self.rotation // 90, axes=(-2, -1)))


AS_IT_IS = ImageOrientation()
"""Of a camera whose images are upright."""
