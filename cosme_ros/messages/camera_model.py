# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a pixel lies in space: on the plane 1 m before the camera.

One camera does not see how far away an obstacle is; its direction is all there is, and 1 m makes a
direction of a point. The frame is the camera's optical one (REP 103): x right, y down, z forward.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImagePlane:
    """A pinhole camera: focal lengths and principal point in pixels of the image."""

    fx: float
    fy: float
    cx: float
    cy: float
    calibrated: bool
    """False where the intrinsics of the camera are not known."""

    def point(self, x: float, y: float) -> tuple[float, float, float]:
        """Return the point in metres, in the camera's optical frame, of the pixel (x, y)."""
        return (x - self.cx) / self.fx, (y - self.cy) / self.fy, 1.0


@dataclass(frozen=True)
class ImageWindow:
    """What of the sensor an image shows: CameraInfo's intrinsics are of the whole sensor."""

    left: int
    top: int
    binning_x: int
    binning_y: int

    def of_sensor(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where pixels of the image, [N, 2] of (x, y), are on the sensor."""
        return pixels * [self.binning_x, self.binning_y] + [self.left, self.top]


def image_window(camera_info: Any, width: int, height: int) -> ImageWindow:
    """Return what of the sensor images of width x height pixels show, by a sensor_msgs/CameraInfo.

    Raises:
        ValueError: the message is not about images of that size.
    """
    # An image may be a part of the sensor (roi), and its pixels the mean of several (binning). 0
    # stands for "the whole" and for "one".
    part = camera_info.roi
    pixels = (part.width or camera_info.width, part.height or camera_info.height)
    binning = (camera_info.binning_x or 1, camera_info.binning_y or 1)
    described = (pixels[0] // binning[0], pixels[1] // binning[1])
    if described != (width, height):
        raise ValueError(
            f"camera_info is about images of {described[0]}x{described[1]}, but they are "
            f"{width}x{height}"
        )
    return ImageWindow(part.x_offset, part.y_offset, *binning)


def uncalibrated_plane(width: int, height: int) -> ImagePlane:
    """Return the plane of an image of width x height pixels that is 1 m wide and centred.

    Its directions are guesses: those of a camera with a horizontal field of view of 53 degrees.
    """
    return ImagePlane(width, width, (width - 1) / 2, (height - 1) / 2, calibrated=False)


def image_plane(camera_info: Any, width: int, height: int) -> ImagePlane:
    """Return the plane of images of width x height pixels, from a sensor_msgs/CameraInfo.

    Through P, or K where P is not set, because RViz's camera display projects through P too: what
    is drawn lies over its pixel there, also in an image that is not rectified. Distortion is not
    undone: a direction in a raw image of a wide lens is off by as much.

    Raises:
        ValueError: the camera is not calibrated (K[0] is 0 then, by the message's definition), or
            the message is not about images of that size.
    """
    full = camera_info.p if camera_info.p[0] else camera_info.k
    step = 4 if camera_info.p[0] else 3
    fx, cx, fy, cy = full[0], full[2], full[step + 1], full[step + 2]
    window = image_window(camera_info, width, height)
    if not (fx > 0 and fy > 0):
        raise ValueError("camera_info says that the camera is not calibrated: K and P are 0")
    return ImagePlane(
        fx / window.binning_x,
        fy / window.binning_y,
        (cx - window.left) / window.binning_x,
        (cy - window.top) / window.binning_y,
        calibrated=True,
    )
