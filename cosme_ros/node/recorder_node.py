# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node `/recorder`: writes what a detector receives and publishes to a rosbag2 bag (MCAP).

Messages are stored as they arrive, serialised, with the time of their arrival as bag time
(`arrival.py`): latency is bag time less stamp. `cosme_ros/replay/recording.py` reads such a bag.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image

from cosme_ros import topics
from cosme_ros.bags import reading
from cosme_ros.node.arrival import with_time_of_arrival
from cosme_ros.node.parameter_declaration import declare_constants
from cosme_ros.node.process import run_until_done, take_arguments
from cosme_ros.parameters import RECORDER_PARAMETERS, ParameterError
from cosme_ros.visualization.text import counted

NODE = "recorder"
TRANSPORTS = {
    "raw": (Image, reading.IMAGE),
    "compressed": (CompressedImage, reading.COMPRESSED_IMAGE),
}

# Deep enough for a second or so in which the disk is busy; nothing recorded may be missing.
QOS = QoSProfile(depth=30, reliability=ReliabilityPolicy.RELIABLE)


class RecorderError(Exception):
    """Nothing can be recorded as asked; the message states what would be right."""


class Recorder(Node):
    """Records in `record`; the parameters are read once, when the node is made.

    The pictures and labels are subscribed to last, when the detector's outputs are there: whoever
    publishes pictures and sees this subscription knows that nothing will be missed.
    """

    def __init__(self) -> None:
        super().__init__(NODE)
        declare_constants(self, RECORDER_PARAMETERS)
        if not self._value("bag"):
            raise RecorderError("parameter 'bag' is empty, but must be a path (bag:=/path/to/new)")
        self._typestore = get_typestore(Stores.LATEST)
        self._writer = Writer(
            Path(self._value("bag")).expanduser(), version=9, storage_plugin=StoragePlugin.MCAP
        )
        self._bytes = 0
        self._frames = 0
        self._last_message = monotonic()
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def record(self) -> None:
        """Record until stopped, by the parameters or by a signal; the bag is whole either way."""
        with self._writer, suppress(ExternalShutdownException):
            self._record()
        print(
            f"{NODE}: {counted(self._frames, 'frame')}, {self._bytes / 1e6:.0f} MB in "
            f"{self._writer.path}",
            flush=True,
        )

    def _record(self) -> None:
        outputs = [topics.resolve(name) for name in (topics.OUTPUT_SCORE, topics.OUTPUT_MASK)]
        if self._value("overlay"):
            outputs.append(topics.resolve(topics.OUTPUT_OVERLAY))
        for topic in outputs:
            self._subscribe(topic, Image, reading.IMAGE)
        self.get_logger().info("waiting for the detector")
        listening = self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._stop_if_refused, QOS
        )
        self._spin_until(lambda: all(self.count_publishers(topic) for topic in outputs))
        self.destroy_subscription(listening)
        diagnostics = "diagnostic_msgs/msg/DiagnosticArray"
        self._subscribe(topics.DIAGNOSTICS, DiagnosticArray, diagnostics)
        if self._value("label_topic"):
            self._subscribe(self._value("label_topic"), Image, reading.IMAGE)
        self._subscribe(self._value("image_topic"), *TRANSPORTS[self._value("image_transport")])
        self.get_logger().info(f"recording to {self._writer.path}")
        self._spin_until(lambda: self._is_full() or self._is_over())

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _subscribe(self, topic: str, message_class: Any, message_type: str) -> None:
        connection = self._writer.add_connection(topic, message_type, typestore=self._typestore)
        is_frame = topic == self._value("image_topic")
        is_data = topic != topics.DIAGNOSTICS  # which speak for ever

        def store(cdr: bytes, received: int) -> None:
            self._writer.write(connection, received, cdr)
            self._bytes += len(cdr)
            self._frames += is_frame
            if is_data:
                self._last_message = monotonic()

        callback = with_time_of_arrival(store, self.get_clock())
        self.create_subscription(message_class, topic, callback, QOS, raw=True)

    def _stop_if_refused(self, message: DiagnosticArray) -> None:
        """Raise RecorderError where the detector cannot be configured, and will never publish."""
        for status in message.status:
            refused = any(entry.key == topics.REFUSAL for entry in status.values)
            if refused and status.name == topics.status(topics.resolve(topics.DETECTOR_NODE)):
                raise RecorderError(f"{topics.DETECTOR_NODE} is {status.message}")

    def _is_over(self) -> bool:
        timeout: float = self._value("stop_after")
        if not timeout or not self._frames:
            return False
        if self.count_publishers(self._value("image_topic")):
            # The player may wait for acknowledgements for seconds after its last message. It has
            # to end before the recorder does.
            self._last_message = monotonic()
        return monotonic() - self._last_message > timeout

    def _is_full(self) -> bool:
        if self._bytes <= self._value("maximum_bytes"):
            return False
        self.get_logger().warning(
            f"stopped: more than {self._value('maximum_bytes')} bytes (parameter 'maximum_bytes')"
        )
        return True

    def _spin_until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._executor.spin_once(timeout_sec=0.1)
            if not self.context.ok():
                raise ExternalShutdownException


def main() -> int:
    """Run the node to its end; returns the process's exit status."""
    take_arguments(
        "recorder_node",
        "Writes what a detector hears and publishes to a rosbag2 bag (MCAP).",
        RECORDER_PARAMETERS,
        example="bag:=PATH",
    )
    refusals = (RecorderError, ParameterError, WriterError, OSError)
    return run_until_done(NODE, lambda: Recorder().record(), refusals)
