# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Directions of pixels, by the intrinsics and the lens of a sensor_msgs/CameraInfo.

The directions are in the camera's optical frame (REP 103): x right, y down, z forward. OpenCV
undoes the distortion. Each result is distorted again and compared with its pixel, because OpenCV's
iteration does not report that it failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.messages.camera_model import ImageWindow, image_window

Floats = NDArray[np.float64]

_POLYNOMIAL = ("plumb_bob", "rational_polynomial")
_EQUIDISTANT = ("equidistant", "fisheye")
MODELS = ("plumb_bob", "rational_polynomial", "equidistant")
"""Distortion models that are read, as sensor_msgs/distortion_models.hpp names them."""

_LENGTHS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-9)
_WORST_RETURN = 0.05
"""Pixels between a pixel and its own direction, distorted again, from which on it has none."""


@dataclass(frozen=True)
class CameraRays:
    """A camera's lens: which way each pixel looks."""

    matrix: Floats
    """[3, 3], of the whole sensor: focal lengths and principal point in pixels."""
    distortion: Floats
    """[n], as OpenCV and CameraInfo order them; empty without distortion."""
    equidistant: bool
    """Whether the coefficients are of OpenCV's fisheye model."""
    window: ImageWindow
    """From pixels of the image to those of the sensor."""

    def of_pixels(self, pixels: Floats) -> Floats:
        """Return the directions of pixels.

        Args:
            pixels: float64 [N, 2] of (x, y); the centre of the first pixel is (0, 0).

        Returns:
            float64 [N, 3] with z = 1; NaN where the lens has no direction for a pixel, as outside
            of the picture of a fisheye.
        """
        sensor = self.window.of_sensor(pixels)
        if not self.distortion.size:
            fx, fy, cx, cy = self.matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
            plane = (sensor - [cx, cy]) / [fx, fy]
        else:
            plane = self._undistorted(sensor)
        return np.concatenate([plane, np.ones((len(plane), 1))], axis=1)

    def _undistorted(self, sensor: Floats) -> Floats:
        points = np.ascontiguousarray(sensor[:, None])
        again: Any
        # OpenCV's models at the edge of what they describe overflow, and then do not return.
        with np.errstate(all="ignore"):
            if self.equidistant:
                plane = cv2.fisheye.undistortPoints(points, self.matrix, self.distortion)
                again = cv2.fisheye.distortPoints(plane, self.matrix, self.distortion)
            else:
                plane = cv2.undistortPointsIter(
                    points, self.matrix, self.distortion, np.eye(3), np.eye(3), _CRITERIA
                )
                rays = cv2.convertPointsToHomogeneous(plane)
                zero = np.zeros(3)
                again, _ = cv2.projectPoints(rays, zero, zero, self.matrix, self.distortion)
            found = np.asarray(plane, np.float64)[:, 0]
            off = np.abs(np.asarray(again, np.float64)[:, 0] - sensor).max(axis=1)
        found[~(off <= _WORST_RETURN)] = np.nan
        return found


def camera_rays(camera_info: Any, width: int, height: int, *, rectified: bool) -> CameraRays:
    """Return the directions of the pixels of images of width x height.

    Args:
        camera_info: sensor_msgs/CameraInfo, or an object with its fields.
        width: of the images, pixels.
        height: of the images, pixels.
        rectified: whether the images are rectified: then by P and without distortion, else by K,
            D and the distortion model.

    Raises:
        ValueError: the camera is not calibrated, the message is not about images of that size, or
            its distortion is of another model or length.
    """
    window = image_window(camera_info, width, height)
    matrix = (
        np.array(camera_info.p, np.float64).reshape(3, 4)[:, :3]
        if rectified
        else np.array(camera_info.k, np.float64).reshape(3, 3)
    )
    name = "P" if rectified else "K"
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ValueError(f"camera_info says that the camera is not calibrated: {name} is 0")
    model, distortion = camera_info.distortion_model, np.array(camera_info.d, np.float64)
    if rectified or not distortion.any():
        return CameraRays(matrix, np.zeros(0), False, window)
    equidistant = model in _EQUIDISTANT
    if not equidistant and model not in _POLYNOMIAL:
        raise ValueError(
            f"camera_info has the distortion model '{model}', but {', '.join(MODELS)} are read"
        )
    lengths = _LENGTHS["equidistant" if equidistant else model]
    if len(distortion) not in lengths or not np.isfinite(distortion).all():
        raise ValueError(
            f"camera_info has {len(distortion)} coefficients of {model}, but "
            f"{' or '.join(map(str, lengths))} finite ones are right"
        )
    return CameraRays(matrix, distortion, equidistant, window)
