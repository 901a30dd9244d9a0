# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The cameras' poses as tf2 has them, where tf2_ros is installed.

tf2_ros is imported when it is asked for: without it, the parameters give the pose. It is not among
the wheels that the tests use; where it is installed, test/node/test_obstacle_points.py runs it.
"""

from typing import Any

from rclpy.node import Node
from rclpy.time import Time

from cosme_ros.geometry.camera_pose import CameraPose, pose_from_transform
from cosme_ros.parameters import ParameterError


class CameraTransforms:
    """Listens to /tf and /tf_static. Raises ParameterError where tf2_ros is not installed."""

    def __init__(self, node: Node) -> None:
        try:
            import tf2_ros
        except ImportError as error:
            raise ParameterError(
                "parameter 'camera_pose' is 'tf', but the package tf2_ros is not installed "
                f"({error}); 'parameters' is right without it"
            ) from error
        self._error: Any = tf2_ros.TransformException
        self._buffer: Any = tf2_ros.Buffer()
        self._listener: Any = tf2_ros.TransformListener(self._buffer, node)

    def pose(self, vehicle_frame: str, camera_frame: str) -> CameraPose:
        """Return the newest pose of a camera. Raises ValueError where tf2 has none."""
        try:
            found = self._buffer.lookup_transform(vehicle_frame, camera_frame, Time())
        except self._error as error:
            raise ValueError(f"tf2 has no pose of '{camera_frame}': {error}") from error
        return pose_from_transform(found.transform)

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()
