# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where an obstacle stands on the ground plane, and how certain that is.

An obstacle is taken to touch the road where it is nearest to the camera: at the pixels of its
region that look down the most. The road is a plane, the camera's height above it is known, and so a
direction that looks down by the angle d meets it at the range

    r = h / tan(d),        dr = -(r^2 + h^2) / h * dd

from the point below the camera. The error grows with the square of the range: 0.3 degrees of pitch
are 1.4 m at 20 m, and 8.7 m at 50 m, for a camera at 1.5 m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.geometry.camera_pose import CameraPose
from cosme_ros.geometry.camera_rays import CameraRays

Floats = NDArray[np.float64]

_EDGE_STEP = 8.0
"""Pixels between points of an edge: less than that, no lens bends a straight line by much."""
_CORNERS: Floats = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
_STEPS: Floats = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
_STRAIGHT_DOWN = 1e-6
"""Of a direction across the road per unit of length, for one that has none."""

POINT_SPACING = 0.05
"""Metres between points of a foot line: the size of a cell in most costmaps."""
_FEWEST_POINTS, _MOST_POINTS = 5, 200


@dataclass(frozen=True)
class GroundGeometry:
    """What places obstacles on the ground: lens, pose, and how certain both are."""

    rays: CameraRays
    pose: CameraPose
    frame_id: str
    """The vehicle's frame, in which positions are."""
    point_height: float
    """Of published points above the road, metres."""
    pitch_sigma: float
    """Standard deviation of the camera's pitch against the road, radians."""
    foot_sigma: float
    """Standard deviation of an obstacle's edge in the image, pixels."""
    maximum_range: float
    """Metres; what is further away has no position."""


@dataclass(frozen=True)
class ObstaclePosition:
    """Where one obstacle is, in the vehicle's frame. Standard deviations are called sigma."""

    x: float
    """Of the middle of its near side: metres forward."""
    y: float
    """Metres to the left."""
    range: float
    """Metres on the ground from the point below the camera to the near side."""
    bearing: float
    """Radians from the vehicle's x axis, positive to the left, as seen by the camera."""
    width: float
    """Metres across the line of sight."""
    height: float
    """Metres above the road, of an obstacle that stands upright."""
    range_sigma: float
    bearing_sigma: float
    width_sigma: float
    depth: float
    """Metres from the camera's plane: z in the optical frame."""
    foot_line: Floats
    """[N, 2] of (x, y), metres, from its left end to its right one, POINT_SPACING apart or less."""

    @property
    def covariance(self) -> Floats:
        """Return the covariance [2, 2] of (x, y), square metres."""
        cos, sin = math.cos(self.bearing), math.sin(self.bearing)
        axes = np.array([[cos, -sin], [sin, cos]])
        along, across = self.range_sigma**2, (self.range * self.bearing_sigma) ** 2
        return np.asarray(axes @ np.diag([along, across]) @ axes.T, np.float64)


def locate_obstacles(
    contours: Sequence[NDArray[np.int32]], ground: GroundGeometry
) -> tuple[ObstaclePosition | None, ...]:
    """Return the position of each obstacle.

    Args:
        contours: int32 [N, 2] of (x, y), pixels on the rim of each obstacle's region.
        ground: by which they are placed.

    Returns:
        None for an obstacle that nowhere looks down onto the road within the maximum range: what
        is at the horizon or above it is no obstacle on the ground.
    """
    return tuple(_located(contour, ground) for contour in contours)


def _located(contour: NDArray[np.int32], ground: GroundGeometry) -> ObstaclePosition | None:
    pixels = _rim(contour)
    bearing, slope = _angles(pixels, ground)
    known = np.isfinite(slope)
    if not known.any():
        return None
    pixels, bearing, slope = pixels[known], bearing[known], slope[known]
    foot = int(np.argmax(slope))
    height = float(ground.pose.position[2])
    if not slope[foot] * ground.maximum_range >= height:
        return None
    distance = height / float(slope[foot])
    # Relative to the foot, so that nothing wraps around behind the vehicle.
    side = np.arctan2(np.sin(bearing - bearing[foot]), np.cos(bearing - bearing[foot]))
    right, left = float(side.min()), float(side.max())
    middle = float(bearing[foot]) + (left + right) / 2
    width = 2 * distance * math.sin(min(left - right, math.pi) / 2)
    range_sigma, bearing_sigma, width_sigma = _sigmas(
        pixels[foot], float(bearing[foot]), distance, width, ground
    )
    x = float(ground.pose.position[0]) + distance * math.cos(middle)
    y = float(ground.pose.position[1]) + distance * math.sin(middle)
    offset = np.array([x, y, 0.0]) - ground.pose.position
    return ObstaclePosition(
        x=x,
        y=y,
        range=distance,
        bearing=math.atan2(math.sin(middle), math.cos(middle)),
        width=width,
        height=max(height - distance * float(slope.min()), 0.0),
        range_sigma=range_sigma,
        bearing_sigma=bearing_sigma,
        width_sigma=width_sigma,
        depth=float(ground.pose.rotation[:, 2] @ offset),
        foot_line=_foot_line(side, slope, float(bearing[foot]), distance, width, ground),
    )


def _rim(contour: NDArray[np.int32]) -> Floats:
    """Return points around the region's convex hull, [N, 2], on the outer edges of its pixels."""
    hull = np.asarray(cv2.convexHull(contour), np.float64)[:, 0]
    corners = (hull[:, None] + _CORNERS).reshape(-1, 2).astype(np.float32)
    rim = np.asarray(cv2.convexHull(corners), np.float64)[:, 0]
    edges = np.roll(rim, -1, axis=0) - rim
    steps = np.ceil(np.abs(edges).max(axis=1) / _EDGE_STEP).astype(int).clip(min=1)
    start = np.repeat(np.arange(len(rim)), steps)
    share = np.concatenate([np.arange(count) / count for count in steps])
    return np.asarray(rim[start] + share[:, None] * edges[start], np.float64)


def _angles(pixels: Floats, ground: GroundGeometry) -> tuple[Floats, Floats]:
    """Return bearing [N] in radians, and the tangent [N] of the angle that a pixel looks down."""
    directions = ground.rays.of_pixels(pixels) @ ground.pose.rotation.T
    across = np.hypot(directions[:, 0], directions[:, 1])
    slope = -directions[:, 2] / np.maximum(across, _STRAIGHT_DOWN)
    return np.arctan2(directions[:, 1], directions[:, 0]), slope


def _sigmas(
    foot: Floats, bearing: float, distance: float, width: float, ground: GroundGeometry
) -> tuple[float, float, float]:
    """Return the standard deviations of range, bearing and width.

    By the derivatives at the foot's pixel. Errors of pixels are taken to be the same in every
    direction, and those of an obstacle's two sides independent.
    """
    bearings, slopes = _angles(foot + _STEPS, ground)
    height = float(ground.pose.position[2])
    per_pixel_down = _gradient(np.arctan(slopes) - math.atan2(height, distance))
    turned = np.arctan2(np.sin(bearings - bearing), np.cos(bearings - bearing))
    per_pixel_across = _gradient(turned)
    # Pitch is about the vehicle's y axis: what is beside the vehicle does not sink with its nose.
    angle = math.hypot(ground.pitch_sigma * math.cos(bearing), ground.foot_sigma * per_pixel_down)
    range_sigma = (distance**2 + height**2) / height * angle
    edge = ground.foot_sigma * per_pixel_across
    width_sigma = math.hypot(width * range_sigma / distance, math.sqrt(2) * edge * distance)
    bearing_sigma = math.hypot(
        edge / math.sqrt(2), ground.pitch_sigma * math.sin(bearing) * height / distance
    )
    return range_sigma, bearing_sigma, width_sigma


def _gradient(changes: Floats) -> float:
    """Return the length of a gradient a pixel, of the changes [4] that _STEPS make.

    A step may lead out of what the lens sees, and is NaN then: of two opposite ones the larger.
    """
    across, down = np.fmax.reduce(np.abs(changes).reshape(2, 2), axis=1, initial=0.0).tolist()
    return math.hypot(across, down)


def _foot_line(
    side: Floats,
    slope: Floats,
    bearing: float,
    distance: float,
    width: float,
    ground: GroundGeometry,
) -> Floats:
    """Return the obstacle's near side on the ground, [N, 2].

    It is the lower side of the convex hull: legs are joined by a straight line, and a corner that
    points to the camera stays one. What bulges above the road, as a ball does, seems to touch it
    further away than it is; so no point is further behind the foot than half of the width, as of
    something round.
    """
    count = min(max(math.ceil(width / POINT_SPACING) + 1, _FEWEST_POINTS), _MOST_POINTS)
    at = np.linspace(float(side.max()), float(side.min()), count)
    down = np.interp(at, *_lower_chain(side, slope))
    height = float(ground.pose.position[2])
    with np.errstate(divide="ignore"):
        away = np.where(down > 0.0, height / np.maximum(down, 0.0), np.inf)
    away = np.minimum(away, distance + width / 2)
    line = np.stack([np.cos(bearing + at), np.sin(bearing + at)], axis=1) * away[:, None]
    return np.asarray(line + ground.pose.position[:2], np.float64)


def _lower_chain(side: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Return the chain of largest slopes of the convex hull, by rising bearing."""
    points = np.stack([side, slope], axis=1).astype(np.float32)
    hull = np.asarray(cv2.convexHull(points), np.float64)[:, 0]
    bearings, index = np.unique(hull[:, 0], return_inverse=True)
    down = np.full(len(bearings), -np.inf)
    np.maximum.at(down, index, hull[:, 1])
    # Of a convex hull the lower chain is on this side of the line between its ends.
    is_lower = down >= np.interp(bearings, bearings[[0, -1]], down[[0, -1]])
    return bearings[is_lower], down[is_lower]
