# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The pinhole camera: from street metres to pixels, and from pixels to the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR_M = 0.6
# OpenCV rasterises in 16-bit-ish fixed point; beyond this the edge direction no longer matters.
_FAR_PIXEL = 6000.0


@dataclass(frozen=True)
class Camera:
    """Pinhole whose optical axis is level: pitch is a shift of the horizon row.

    With a level axis verticals stay vertical in the picture, which billboards rely on.
    World axes: x right, y up, z along the street, metres. yaw in radians, positive to the right.
    """

    width: int
    height: int
    focal: float
    horizon: float
    x: float
    y: float
    z: float
    yaw: float

    def view(self, points: Array) -> Array:
        """World [..., 3] (x, y, z) -> camera [..., 3] (right, up relative to the lens, depth)."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        dx, dz = points[..., 0] - self.x, points[..., 2] - self.z
        seen = np.empty(points.shape, np.float64)
        seen[..., 0] = dx * cos - dz * sin
        seen[..., 1] = points[..., 1] - self.y
        seen[..., 2] = dz * cos + dx * sin
        return seen

    def pixels(self, view: Array) -> Array:
        """Camera [..., 3] with depth > 0 -> pixel [..., 2] (column, row)."""
        scale = self.focal / np.maximum(view[..., 2], 1e-3)
        uv = np.empty((*view.shape[:-1], 2), np.float64)
        uv[..., 0] = 0.5 * self.width + view[..., 0] * scale
        uv[..., 1] = self.horizon - view[..., 1] * scale
        np.maximum(uv, -_FAR_PIXEL, out=uv)
        return np.minimum(uv, _FAR_PIXEL, out=uv)

    def depth(self, x: float, z: float) -> float:
        """Depth in metres of a world point along the optical axis."""
        return (z - self.z) * math.cos(self.yaw) + (x - self.x) * math.sin(self.yaw)

    def ground(self, first_row: int) -> tuple[NDArray[np.float32], NDArray[np.float32], Array]:
        """Return where the pixels from `first_row` down meet the ground.

        Args:
            first_row: a row below the horizon.

        Returns:
            World x and z [rows, width], and the depth [rows], in metres.
        """
        rows = np.arange(first_row, self.height, dtype=np.float64) + 0.5
        depth: Array = self.focal * self.y / (rows - self.horizon)
        right = ((np.arange(self.width) + 0.5 - 0.5 * self.width) / self.focal).astype(np.float32)
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        d = depth.astype(np.float32)[:, None]
        x = np.float32(self.x) + d * (np.float32(sin) + np.float32(cos) * right)
        z: NDArray[np.float32] = d * (np.float32(cos) - np.float32(sin) * right)
        # z is relative to the camera: float32 would lose millimetres far down the street.
        return x, z, depth


def clip_near(view: Array) -> Array:
    """Part of a camera-space polygon [n, 3] beyond NEAR_M, [m, 3]; m may be 0."""
    if (view[:, 2] >= NEAR_M).all():
        return view
    kept: list[Array] = []
    for a, b in zip(view, np.roll(view, -1, axis=0), strict=True):
        if a[2] >= NEAR_M:
            kept.append(a)
        if (a[2] >= NEAR_M) != (b[2] >= NEAR_M):
            kept.append(a + (b - a) * ((NEAR_M - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)
