# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How long a detector takes from the start of its process to the first mask.

    PYTHONPATH=. python test/benchmark/first_mask.py --bundle demo/bundle --bag demo/bag

The camera's compressed pictures come at 10 Hz before the process starts, and go on. The time ends
when the first mask has been received in this process, over DDS.
"""

import argparse
import itertools
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic, time_ns

import psutil
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from spread import spread
from tqdm import tqdm

from cosme_ros import topics
from cosme_ros.bags.reading import Bag, with_stamp
from cosme_ros.node.process import ros_process
from cosme_ros.replay.runner import NodeCall, ros_environment, start_node
from cosme_ros.replay.subprocesses import ChildError, ChildProcesses
from cosme_ros.topics import CAMERA_IMAGE

PATIENCE = 60.0
LISTENER = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


def measure(frames: list[bytes], options: argparse.Namespace) -> tuple[float, float]:
    """Start a detector; return seconds to its first mask: wall time and its processor time."""
    masks: list[float] = []
    camera = rclpy.create_node("benchmark_camera")
    camera.create_subscription(
        Image,
        topics.resolve(topics.OUTPUT_MASK),
        lambda _: masks.append(monotonic()),
        LISTENER,
        raw=True,
    )
    publisher = camera.create_publisher(CompressedImage, topics.resolve(topics.INPUT_IMAGE), 1)
    parameters: dict[str, str | bool | int | float] = {
        "bundle": str(options.bundle.resolve()),
        "provider": options.provider,
        "image_transport": "compressed",
    }
    call = NodeCall("detector_node", parameters)
    with tempfile.TemporaryDirectory() as folder, ChildProcesses(Path(folder), os.environ) as all_:
        began = monotonic()
        child = start_node(all_, "detector", call)
        detector = psutil.Process(child.process.pid)
        for picture in itertools.cycle(frames):
            publisher.publish(with_stamp(picture, time_ns()))
            due = monotonic() + 1 / options.rate
            while not masks and (left := due - monotonic()) > 0:
                rclpy.spin_once(camera, timeout_sec=left)
            if masks:
                break
            if monotonic() > began + PATIENCE:
                raise ChildError(f"no mask came in {PATIENCE:.0f} s")
        times = detector.cpu_times()
    camera.destroy_node()
    return masks[0] - began, times.user + times.system


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--rate", type=float, default=10.0, help="of the camera, frames a second")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    os.environ.update(ros_environment())
    with Bag(options.bag) as bag:
        frames = [message.cdr for message in bag.messages([CAMERA_IMAGE])]
    with ros_process([]):
        runs = [measure(frames, options) for _ in tqdm(range(options.rounds), "starts")]
    for name, values in zip(("wall time", "processor time"), zip(*runs, strict=True), strict=True):
        figures = spread(values)
        print(
            f"{name}: median {figures['median']:.2f} s, "
            f"quartiles {figures['q25']:.2f} to {figures['q75']:.2f}, "
            f"smallest {min(values):.2f}, largest {max(values):.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
