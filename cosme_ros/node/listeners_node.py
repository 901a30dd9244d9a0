# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node `/listeners`: ends as soon as a camera's topics are listened to.

For a player that does not wait for its listeners, as `ros2 bag play`: started when this has ended,
it loses none of its first frames.
"""

from time import monotonic
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from cosme_ros.node.parameter_declaration import declare_constants
from cosme_ros.node.process import run_to_the_end, take_arguments
from cosme_ros.parameters import LISTENERS_PARAMETERS, ParameterError

NODE = "listeners"


class ListenersError(Exception):
    """The topics are not listened to."""


class Listeners(Node):
    """Waits in `wait`; the parameters are read once, when the node is made."""

    def __init__(self) -> None:
        super().__init__(NODE)
        declare_constants(self, LISTENERS_PARAMETERS)
        self._wanted = {
            self._value(f"{what}_topic"): self._value(f"{what}_subscribers")
            for what in ("image", "label")
            if self._value(f"{what}_topic")
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def wait(self) -> None:
        """Until all listen. Raises ListenersError when that takes too long."""
        timeout, began = self._value("wait_timeout"), monotonic()
        while missing := self._missing():
            if timeout and monotonic() - began > timeout:
                raise ListenersError(
                    f"after {timeout:.0f} s there is still no listener enough: {missing}. Is the "
                    "detector active, and ROS_DOMAIN_ID the same?"
                )
            self._executor.spin_once(timeout_sec=0.1)
            if not self.context.ok():
                raise ExternalShutdownException
        self.get_logger().info(f"{' and '.join(self._wanted)} are listened to")

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _missing(self) -> str:
        have = {topic: self.count_subscribers(topic) for topic in self._wanted}
        return ", ".join(
            f"{topic} has {have[topic]} of {count}"
            for topic, count in self._wanted.items()
            if have[topic] < count
        )


def main() -> int:
    """Run the node to its end; returns the process's exit status."""
    take_arguments(
        "listeners_node",
        "Ends as soon as a camera's topics are listened to.",
        LISTENERS_PARAMETERS,
        example="image_topic:=/camera/image_raw",
    )
    return run_to_the_end(NODE, lambda: Listeners().wait(), (ListenersError, ParameterError))
