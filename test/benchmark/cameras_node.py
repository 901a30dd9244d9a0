# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Several cameras through one node beside a node each: frames a second in all, memory, latency.

    PYTHONPATH=. python test/benchmark/cameras_node.py --bundle demo/bundle --bag demo/bag

Every camera plays the bag's compressed pictures, faster than they can be worked on; score and mask
are listened to. What a node says of itself in the last status covers the last ten seconds.
"""

import argparse
import itertools
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import monotonic, time_ns

import psutil
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from spread import spread
from tqdm import tqdm

from cosme_ros import topics
from cosme_ros.bags.reading import Bag, with_stamp
from cosme_ros.malloc_settings import configure_malloc
from cosme_ros.node.process import ros_process
from cosme_ros.replay.runner import NodeCall, ros_environment, start_node
from cosme_ros.replay.subprocesses import ChildError, ChildProcesses
from cosme_ros.streaming.frame_statistics import WINDOW
from cosme_ros.topics import CAMERA_IMAGE

PATIENCE = 120.0
LISTENER = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
WAYS = {
    "one node": ("never", (1, 2, 4)),
    "one node, overlap": ("always", (1, 2, 4)),
    "a node each": ("never", (2, 4)),
}


def measure(way: str, cameras: int, frames: list[bytes], options: argparse.Namespace) -> dict:
    """One run of `cameras`; its nodes are gone afterwards."""
    called = [f"camera{index}" for index in range(cameras)]
    together = way != "a node each"
    nodes = {topics.DETECTOR_NODE: called} if together else {name: [""] for name in called}
    statuses: dict[str, dict[str, str]] = {}

    def on_status(message: DiagnosticArray) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            if values.get(topics.FRAMES_PROCESSED, "0") != "0":
                statuses[status.name] = values

    listener = rclpy.create_node("benchmark_cameras")
    listener.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, on_status, 10)
    processes, inputs = [], []
    with tempfile.TemporaryDirectory() as folder, ChildProcesses(Path(folder), os.environ) as all_:
        for node, served in nodes.items():
            parameters: dict[str, str | bool | int | float] = {
                "bundle": str(options.bundle.resolve()),
                "provider": options.provider,
                "image_transport": "compressed",
                "overlap": WAYS[way][0],
                "cameras": ",".join(served),
            }
            call = NodeCall("detector_node", parameters)
            child = start_node(all_, node, call, {"__node": node})
            processes.append(psutil.Process(child.process.pid))
            for camera in served:
                image, *outputs = (
                    topics.resolve(topics.of_camera(topic, camera), node=node)
                    for topic in (topics.INPUT_IMAGE, topics.OUTPUT_SCORE, topics.OUTPUT_MASK)
                )
                inputs.append(listener.create_publisher(CompressedImage, image, 1))
                for topic in outputs:
                    listener.create_subscription(Image, topic, lambda _: None, LISTENER, raw=True)
        until, answered = monotonic() + PATIENCE, False
        for picture in itertools.cycle(frames):
            if not answered and len(statuses) == cameras:
                until, answered = monotonic() + WINDOW + 2.0, True
            if monotonic() > until:
                break
            for publisher in inputs:
                publisher.publish(with_stamp(picture, time_ns()))
            due = monotonic() + 1 / options.rate
            while (left := due - monotonic()) > 0:
                rclpy.spin_once(listener, timeout_sec=left)
        memory = sum(process.memory_info().rss for process in processes)
    listener.destroy_node()
    if not answered:
        raise ChildError(f"{way}: not all of {cameras} cameras were answered in {PATIENCE:.0f} s")
    rates = [float(values["output rate (1/s)"]) for values in statuses.values()]
    latencies = [
        float(values[topics.percentile_key(topics.LATENCY, "p50")]) for values in statuses.values()
    ]
    return {
        "frames/s": sum(rates),
        "slowest camera, frames/s": min(rates),
        "latency p50, ms": max(latencies),
        "memory, MB": memory / 1e6,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--rate", type=float, default=30.0, help="of each camera, frames a second")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(ros_environment())
    with Bag(options.bag) as bag:
        frames = [message.cdr for message in bag.messages([CAMERA_IMAGE])]
    runs = [(way, count) for way, (_, counts) in WAYS.items() for count in counts]
    found: dict = defaultdict(lambda: defaultdict(list))
    configure_malloc()
    with ros_process([]):
        for _ in tqdm(range(options.rounds), "rounds"):
            for run in tqdm(random.sample(runs, len(runs)), "runs", leave=False):
                for key, value in measure(*run, frames, options).items():
                    found[run][key].append(value)
    for way, count in runs:
        said = {key: spread(values) for key, values in found[way, count].items()}
        numbers = (
            f"{k} {v['median']:.1f} ({v['q25']:.1f}..{v['q75']:.1f})" for k, v in said.items()
        )
        print(f"{count} camera(s), {way}: {'; '.join(numbers)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
