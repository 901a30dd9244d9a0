# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What places a camera's obstacles on the road, by the node's parameters and its CameraInfo."""

from __future__ import annotations

from typing import Any

from cosme_ros.geometry.camera_pose import CameraPose, pose_from_angles
from cosme_ros.geometry.camera_rays import CameraRays, camera_rays
from cosme_ros.geometry.obstacle_position import GroundGeometry
from cosme_ros.parameters import Settings


def has_pose(settings: Settings) -> bool:
    """Return whether the settings give the source of the camera's pose: else it is off."""
    return settings.camera_pose != "parameters" or settings.camera_height > 0.0


def pose_of_settings(settings: Settings) -> CameraPose:
    """Return the pose of the parameters. Raises ValueError for a height of 0."""
    return pose_from_angles(
        height=settings.camera_height,
        x=settings.camera_x,
        y=settings.camera_y,
        pitch=settings.camera_pitch,
        roll=settings.camera_roll,
        yaw=settings.camera_yaw,
    )


class GroundSource:
    """Makes the geometry of a camera's frames; reads a CameraInfo once. For one thread."""

    def __init__(self) -> None:
        self._read_from: tuple[Any, ...] = ()
        self._rays: CameraRays | None = None

    def geometry(
        self, settings: Settings, pose: CameraPose, camera_info: Any, height: int, width: int
    ) -> GroundGeometry:
        """Return what places the obstacles of a frame.

        Args:
            settings: of the node.
            pose: of the camera in the vehicle's frame.
            camera_info: the newest sensor_msgs/CameraInfo.
            height: of the frame, pixels.
            width: of the frame, pixels.

        Raises:
            ValueError: as of `camera_rays`.
        """
        read_from = (camera_info, height, width, settings.image_rectified)
        if self._rays is None or not _same(read_from, self._read_from):
            self._rays = camera_rays(camera_info, width, height, rectified=settings.image_rectified)
            self._read_from = read_from
        return GroundGeometry(
            rays=self._rays,
            pose=pose,
            frame_id=settings.vehicle_frame,
            point_height=settings.point_height,
            pitch_sigma=settings.pitch_sigma,
            foot_sigma=settings.foot_sigma,
            maximum_range=settings.maximum_range,
        )


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    # A message by identity: to compare its fields costs more than to read it.
    return len(right) == len(left) and left[0] is right[0] and left[1:] == right[1:]
