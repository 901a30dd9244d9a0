# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The detector as users run it: a process of its own, heard and spoken to over real DDS only."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from cosme_ros import topics
from cosme_ros.messages.images import fill_image

# For an answer that has to come; nothing is asserted to be fast.
PATIENCE = 30.0
ATTEMPTS = 3
REPOSITORY = Path(__file__).parents[2]
OUTPUTS = {
    "score": (topics.OUTPUT_SCORE, Image),
    "mask": (topics.OUTPUT_MASK, Image),
    "overlay": (topics.OUTPUT_OVERLAY, Image),
    "markers": (topics.OUTPUT_MARKERS, MarkerArray),
    "points": (topics.OUTPUT_POINTS, PointCloud2),
}
try:
    from vision_msgs.msg import Detection2DArray, Detection3DArray

    OUTPUTS["detections"] = (topics.OUTPUT_DETECTIONS, Detection2DArray)
    OUTPUTS["detections_3d"] = (topics.OUTPUT_DETECTIONS_3D, Detection3DArray)
except ImportError:
    pass
Key = tuple[int, int]


class DetectorProcess:
    """`python -m cosme_ros detector_node` with parameters, its words kept in a file."""

    def __init__(self, folder: Path, domain: int, **parameters: Any) -> None:
        self.log_file = folder / "detector.log"
        settings = {"provider": "cpu", "diagnostics_period": 0.2, **parameters}
        arguments = [
            part
            for name, value in settings.items()
            for part in ("-p", f"{name}:={_as_yaml(value)}")
        ]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cosme_ros", "detector_node", "--ros-args", *arguments],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "ROS_DOMAIN_ID": str(domain),
                    "ROS_LOG_DIR": str(folder),
                    "RCUTILS_COLORIZED_OUTPUT": "0",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=PATIENCE)

    def stop(self, number: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.wait()
        finally:
            self.process.kill()


def _as_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"


class Camera:
    """The other side: sends frames, keeps what the detector publishes, calls its services.

    `name` is the detector's for this camera, where it has several.
    """

    def __init__(
        self, domain: int, *, image_transport: str = "raw", name: str = topics.ONLY_CAMERA
    ) -> None:
        self.name = name
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node(f"test_camera_{name}{domain}", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._stamp = 0
        self.answers: dict[str, dict[Key, Any]] = {}
        self.order: dict[str, list[Key]] = {}
        self.status: Any = None
        self._clients: dict[str, Any] = {}
        self.publisher = self.node.create_publisher(
            CompressedImage if image_transport == "compressed" else Image,
            self.topic(topics.INPUT_IMAGE),
            10,
        )
        self.info_publisher = self.node.create_publisher(
            CameraInfo, self.topic(topics.INPUT_CAMERA_INFO), 1
        )
        self.node.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_status, 10)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def topic(self, name: str) -> str:
        return topics.resolve(topics.of_camera(name, self.name))

    # Time

    def spin_until(self, condition: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {what}"
            self._executor.spin_once(timeout_sec=0.05)

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)

    def spin_once(self) -> None:
        """Without waiting: for who has more than one camera to spin."""
        self._executor.spin_once(timeout_sec=0.0)

    # Outputs

    def listen(self, *outputs: str, reliable: bool = True) -> None:
        policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        for output in outputs:
            self.answers[output] = {}
            self.order[output] = []
            topic, message_type = OUTPUTS[output]
            self.node.create_subscription(
                message_type,
                self.topic(topic),
                lambda message, output=output: self._on_output(output, message),
                QoSProfile(depth=50, reliability=policy),
            )

    def _on_output(self, output: str, message: Any) -> None:
        is_markers = isinstance(message, MarkerArray)
        key = key_of(message.markers[0].header if is_markers else message.header)
        self.answers[output][key] = message
        self.order[output].append(key)

    # Inputs

    def header(self) -> Header:
        """A header that no frame had before, stamped now."""
        now = self.node.get_clock().now().nanoseconds
        self._stamp = max(self._stamp + 1, now)
        header = Header(frame_id="test_camera_optical")
        header.stamp.sec, header.stamp.nanosec = divmod(self._stamp, 10**9)
        return header

    def image(self, pixels, encoding: str = "bgr8") -> Image:
        message = Image()
        fill_image(message, pixels, encoding, self.header())
        return message

    def jpeg(self, data: bytes) -> CompressedImage:
        return CompressedImage(header=self.header(), format="jpeg", data=data)

    def send(self, message: Any) -> Key:
        self.publisher.publish(message)
        return key_of(message.header)

    def ask(self, make_message: Callable[[], Any], *outputs: str) -> tuple[Header, list[Any]]:
        """Send until the outputs have come for one frame: best effort may lose some, and the first
        ones are sent before both sides have found each other. The frame's header, and they."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            message = make_message()
            key = self.send(message)
            waited = time.monotonic() + 1.5
            while time.monotonic() < waited:
                if all(key in self.answers[output] for output in outputs):
                    return message.header, [self.answers[output][key] for output in outputs]
                self._executor.spin_once(timeout_sec=0.05)
        raise AssertionError(f"no frame was answered by all of {outputs} in {PATIENCE} s")

    # Diagnostics

    def _on_status(self, message: DiagnosticArray) -> None:
        of_this = ": detection" + (f" of {self.name}" if self.name else "")
        self.status = next((s for s in message.status if s.name.endswith(of_this)), None)

    def value(self, key: str) -> str | None:
        if self.status is None:
            return None
        return next((pair.value for pair in self.status.values if pair.key == key), None)

    def count(self, key: str) -> int:
        return int(self.value(key) or 0)

    def next_status(self) -> Any:
        """One that was made after this call: the second, because one may be on its way."""
        for _ in range(2):
            self.status = None
            self.spin_until(lambda: self.status is not None, "diagnostics")
        return self.status

    # Services

    def call(self, service_type: Any, name: str, request: Any) -> Any:
        """For requests that do no harm when they are served twice.

        A server may serve a client whose answer reader it does not know yet, and the answer is lost
        for good (ros2/rmw_fastrtps issue 842). It does not happen to a client that had an answer
        before: hence one client a service.
        """
        client = self.client(service_type, name)
        for _ in range(ATTEMPTS):
            future = client.call_async(request)
            if self._answered(future):
                return future.result()
            client.remove_pending_request(future)
        raise AssertionError(f"service {name} gave no answer {ATTEMPTS} times")

    def client(self, service_type: Any, name: str) -> Any:
        if name not in self._clients:
            self._clients[name] = self.node.create_client(
                service_type, f"/{topics.DETECTOR_NODE}/{name}"
            )
        client = self._clients[name]
        self.spin_until(client.service_is_ready, f"service {name}")
        return client

    def _answered(self, future: Any) -> bool:
        end = time.monotonic() + PATIENCE / ATTEMPTS
        while not future.done() and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        return future.done()

    def transition(self, label: str) -> bool:
        """Asked for once only; where the answer got lost, the state tells what it was."""
        before = self.state()
        client = self.client(ChangeState, "change_state")
        future = client.call_async(ChangeState.Request(transition=Transition(label=label)))
        return future.result().success if self._answered(future) else self.state() != before

    def state(self) -> str:
        return self.call(GetState, "get_state", GetState.Request()).current_state.label

    def set_parameter(self, name: str, value: Any) -> tuple[bool, str]:
        parameter = Parameter(name, value=value).to_parameter_msg()
        (result,) = self.call(
            SetParameters, "set_parameters", SetParameters.Request(parameters=[parameter])
        ).results
        return result.successful, result.reason


def key_of(header: Header) -> Key:
    return header.stamp.sec, header.stamp.nanosec
