# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A camera and a listener in one process, for measuring the detector node between them.

In the manner of ros2_benchmark: what is sent is made and serialised beforehand, and what comes back
is stamped by the middleware and not looked at. Reads one command a line on standard input, JSON,
and answers each with one line of JSON:

    {"do": "prepare", "images": "images.npy", "patience": s}    uint8 [n, H, W, 3] BGR
    {"do": "ask", "frames": n}                   one at a time, each when the last was answered
    {"do": "play", "frames": n, "rate": r}       at r frames a second, whatever comes back
    {"do": "publish", "times": n}                how long it takes to fill and publish outputs

Times in the answers are seconds. With the argument `listen` it is the other process that `publish`
needs.
"""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter, time_ns
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from cosme_ros import topics
from cosme_ros.bags.reading import stamp_of, with_stamp
from cosme_ros.malloc_settings import configure_malloc
from cosme_ros.messages.images import fill_image
from cosme_ros.node.process import ros_process

AGE = topics.AGE_AT_START
GAP = "gap between arrivals"
OUTPUTS = (topics.OUTPUT_SCORE, topics.OUTPUT_MASK)
PATIENCE = 300.0
"""Seconds that a detector which has come up may take for a frame."""
QUIET = 2.0
"""Seconds without an answer, and without a frame's time, after which no more is waited for."""
AGAIN = 0.5
"""Seconds after which a first frame without an answer is sent again; then twice that, and so on:
it may have been lost, or the detector may be slow."""
QOS = QoSProfile(depth=30, reliability=ReliabilityPolicy.RELIABLE)


class LoadError(Exception):
    """The detector does not answer; the sentence says how long it was waited for."""


class LoadNode(Node):
    """Sends frames to the detector and notes when its score and mask arrive."""

    def __init__(self) -> None:
        super().__init__("benchmark_load")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self._camera = self.create_publisher(Image, topics.resolve(topics.INPUT_IMAGE), QOS)
        self._own = {name: self.create_publisher(Image, _own_topic(name), QOS) for name in OUTPUTS}
        self._arrived: dict[str, dict[int, int]] = {name: {} for name in OUTPUTS}
        self._last_answer = monotonic()
        self._sent: dict[int, int] = {}
        self._status: dict[str, str] = {}
        self._statuses = 0
        self._messages: list[bytes] = []
        self._shape = (0, 0)
        for name in OUTPUTS:
            self.create_subscription(
                Image, topics.resolve(name), self._listener(self._arrived[name]), QOS, raw=True
            )
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_status, 10)

    def prepare(self, images: str, patience: float) -> dict[str, Any]:
        """Make the messages, to be sent as bgr8, and wait until the detector has answered one."""
        pictures = np.load(Path(images), allow_pickle=False)
        self._shape = pictures.shape[1:3]
        self._messages = []
        for picture in pictures:
            message = Image()
            fill_image(message, picture, "bgr8", Header(frame_id="benchmark_camera"))
            self._messages.append(serialize_message(message))
        began, again = monotonic(), AGAIN
        stamps: list[int] = []
        while (left := began + patience - monotonic()) > 0:
            if self._camera.get_subscription_count():
                stamps.append(self._send(0))
                if self._wait(lambda: any(map(self._is_answered, stamps)), min(left, again)):
                    return {}
                again *= 2
            self._spin(0.05)
        raise LoadError(f"the detector answered no frame in {patience:.0f} s")

    def ask(self, frames: int) -> dict[str, Any]:
        """Latency of each of `frames`, from sent to both outputs arrived."""
        latencies = []
        for index in range(frames):
            stamp = self._send(index)
            if not self._wait(lambda stamp=stamp: self._is_answered(stamp), PATIENCE):
                raise LoadError(f"the detector did not answer a frame in {PATIENCE:.0f} s")
            latencies.append(self._latency(stamp))
        return {"latencies": latencies}

    def play(self, frames: int, rate: float) -> dict[str, Any]:
        """What came back of `frames` sent at `rate`, and how punctually they were sent."""
        began = monotonic()
        stamps, late = [], []
        for index in range(frames):
            due = began + index / rate
            self._spin(due - monotonic())
            late.append(monotonic() - due)
            stamps.append(self._send(index))
        took = monotonic() - began
        self._last_answer = monotonic()
        self._wait(
            lambda: (
                self._is_answered(stamps[-1]) or monotonic() - self._last_answer > QUIET + 2 / rate
            ),
            PATIENCE,
        )
        answered = [stamp for stamp in stamps if self._is_answered(stamp)]
        # A status that was made after the last answer; it covers the last ten seconds.
        self._wait(lambda before=self._statuses: self._statuses > before, QUIET)
        return {
            "sent": len(stamps),
            "answered": len(answered),
            "latencies": [self._latency(stamp) for stamp in answered],
            "arrivals": [self._arrival(stamp) * 1e-9 for stamp in answered],
            "sent_late": late,
            "sent_rate": (frames - 1) / (took - 1e-9) if frames > 1 else 0.0,
            "age_at_start_ms": self._percentiles(AGE),
            "arrival_gap_ms": self._percentiles(GAP),
        }

    def publish(self, times: int) -> dict[str, Any]:
        """Seconds that filling and publishing a score and a mask of the frames' size takes.

        They go to the process of `listen`.
        """
        height, width = self._shape
        score, mask = np.zeros((height, width), np.float32), np.zeros((height, width), np.uint8)
        self._wait(lambda: all(p.get_subscription_count() for p in self._own.values()), PATIENCE)
        filling, publishing = [], []
        for _ in range(times):
            messages = []
            began = perf_counter()
            for picture, encoding in ((score, "32FC1"), (mask, "mono8")):
                message = Image()
                fill_image(message, picture, encoding, Header())
                messages.append(message)
            filled = perf_counter()
            for publisher, message in zip(self._own.values(), messages, strict=True):
                publisher.publish(message)
            published = perf_counter()
            filling.append(filled - began)
            publishing.append(published - filled)
            self._spin(0.05)
        return {"fill": filling, "publish": publishing}

    def _send(self, index: int) -> int:
        """The stamp, in nanoseconds, under which message `index`, modulo their number, was sent."""
        stamp = time_ns()
        message = with_stamp(self._messages[index % len(self._messages)], stamp)
        self._sent[stamp] = time_ns()  # the copy that bears the stamp is our work, not the node's
        self._camera.publish(message)
        return stamp

    def _listener(self, arrived: dict[int, int]) -> Callable[[bytes, Any], None]:
        def note(cdr: bytes, info: Any) -> None:
            arrived[stamp_of(cdr)] = info["received_timestamp"]
            self._last_answer = monotonic()

        return note

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._status = {pair.key: pair.value for pair in status.values}
            self._statuses += 1

    def _percentiles(self, name: str) -> dict[str, float] | None:
        keys = {p: f"{name} {p} (ms)" for p in ("p50", "p95", "p99")}
        if any(key not in self._status for key in keys.values()):
            return None
        return {p: float(self._status[key]) for p, key in keys.items()}

    def _is_answered(self, stamp: int) -> bool:
        return all(stamp in arrived for arrived in self._arrived.values())

    def _arrival(self, stamp: int) -> int:
        return max(arrived[stamp] for arrived in self._arrived.values())

    def _latency(self, stamp: int) -> float:
        return (self._arrival(stamp) - self._sent[stamp]) * 1e-9

    def _spin(self, seconds: float) -> None:
        self._wait(lambda: False, seconds)

    def _wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Serve what arrives until `reached`, at most `seconds`."""
        until = monotonic() + seconds
        while not reached():
            left = until - monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=left)
        return True


def listen() -> None:
    """Hear the outputs that `publish` publishes, as a process of its own, until it is ended."""
    node = rclpy.create_node("benchmark_listener")
    for name in OUTPUTS:
        node.create_subscription(Image, _own_topic(name), lambda _: None, QOS, raw=True)
    rclpy.spin(node)


def _own_topic(name: str) -> str:
    """The detector publishes on topics of its own; what is published here is heard nowhere else."""
    return f"/benchmark_load/{name.removeprefix('~/')}"


def main() -> int:
    configure_malloc()  # as the detector, whose publishing it measures
    with ros_process():
        if sys.argv[1:] == ["listen"]:
            listen()
            return 0
        node = LoadNode()
        commands = {
            "prepare": node.prepare,
            "ask": node.ask,
            "play": node.play,
            "publish": node.publish,
        }
        for line in itertools.takewhile(bool, iter(sys.stdin.readline, "")):
            command = json.loads(line)
            try:
                answer = commands[command.pop("do")](**command)
            except LoadError as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
