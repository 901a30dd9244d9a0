# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Publishes the reports on the cameras as /diagnostics."""

import platform
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from cosme_ros import topics
from cosme_ros.streaming.diagnostics import Report


class DiagnosticsPublisher:
    """Publishes in every state of the node: its publisher is no lifecycle publisher."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)

    def publish(self, report_of: Callable[[str], Report]) -> None:
        """Publish the report of each camera. May be called from any thread."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            self._status(camera, report_of(camera)) for camera in self._camera_names()
        ]
        self._publisher.publish(message)

    def _status(self, camera: str, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([report.level]),
            name=topics.status(self._node.get_fully_qualified_name(), camera),
            message=report.message,
            hardware_id=platform.node(),
            values=[KeyValue(key=key, value=value) for key, value in report.values.items()],
        )

    def _camera_names(self) -> tuple[str, ...]:
        # Also before the node is configured: entries have the same names in every state.
        try:
            return topics.cameras(self._node.get_parameter("cameras").value)
        except ValueError:
            return (topics.ONLY_CAMERA,)
