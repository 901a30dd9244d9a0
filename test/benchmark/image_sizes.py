# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which camera images get through DDS: frames that arrive, and how late, by size and mode.

    PYTHONPATH=. python test/benchmark/image_sizes.py
    PYTHONPATH=. python test/benchmark/image_sizes.py --sizes 3840x2160 --profiles default other.xml

A camera and a listener, processes of their own, over real DDS: bgr8 images at a fixed rate, and a
listener as the detector's input is (depth 1), which takes the message and nothing else. Latency is
from before the message is filled to the callback.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any

from cosme_ros.dds_profile import profile_path, profile_variable

SIZES = ("640x360", "1280x720", "1920x1080", "2048x1024", "2048x1536", "3840x2160")
# Camera's reliability and depth as drivers have them, and the listener's reliability.
MODES = {
    "reliable to best effort": ("reliable", 10, "best_effort"),
    "best effort to best effort": ("best_effort", 5, "best_effort"),
    "reliable to reliable": ("reliable", 10, "reliable"),
}
DEFAULT = "default"  # Fast DDS as it comes, without a profile
TOPIC = "/image_sizes"
PATIENCE = 30.0
POLITE_SECONDS = 5.0


def measure(size: str, mode: str, profile: str, options: argparse.Namespace) -> dict[str, Any]:
    """One run; both processes are gone afterwards."""
    variable = profile_variable()
    environment = {k: v for k, v in os.environ.items() if k != variable}
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    listening = dict(environment)
    if profile != DEFAULT:
        environment[variable] = str(Path(profile).resolve())
        if not options.only_camera:
            listening = environment
    camera, depth, listener = MODES[mode]
    me = [sys.executable, __file__]
    ear = subprocess.Popen(
        [*me, "--listen", listener, str(options.depth)],
        env=listening,
        stdout=subprocess.PIPE,
        text=True,
    )
    arguments = [size, camera, str(depth), str(options.frames), str(options.rate)]
    try:
        sent = subprocess.run(
            [*me, "--send", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE + 4 * options.frames / options.rate,
        )
        sleep(2.0)  # for what is still on its way
        ear.terminate()  # politely: one that is killed leaves its shared memory behind
        ear.wait(timeout=POLITE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        ear.kill()
    latencies = [float(line) for line in ear.communicate()[0].splitlines()]
    return {
        "size": size,
        "megabytes": int(size.split("x")[0]) * int(size.split("x")[1]) * 3 / 1e6,
        "mode": mode,
        "profile": profile if profile == DEFAULT else Path(profile).name,
        "sent": options.frames,
        "arrived": len(latencies),
        "latency_p50_ms": round(statistics.median(latencies), 1) if latencies else None,
        "latency_max_ms": round(max(latencies), 1) if latencies else None,
        **json.loads(sent.stdout),
    }


def send(size: str, reliability: str, depth: str, frames: str, rate: str) -> None:
    """The camera's process."""
    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image

    from cosme_ros.malloc_settings import configure_malloc
    from cosme_ros.messages.images import fill_image

    configure_malloc()
    width, height = map(int, size.split("x"))
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    rclpy.init()
    node = rclpy.create_node("image_sizes_camera")
    publisher = node.create_publisher(Image, TOPIC, quality_of_service(reliability, int(depth)))
    end = monotonic() + PATIENCE
    while not publisher.get_subscription_count() and monotonic() < end:
        sleep(0.05)
    sleep(0.5)  # the listener's side of the match may be later
    began, took = monotonic(), []
    for index in range(int(frames)):
        sleep(max(0.0, began + index / float(rate) - monotonic()))
        message, now = Image(), time_ns()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, 10**9)
        fill_image(message, picture, "bgr8", message.header)
        before = monotonic()
        publisher.publish(message)
        took.append((monotonic() - before) * 1e3)
    sleep(2.0)
    print(json.dumps({"publish_p50_ms": round(statistics.median(took), 1)}))
    rclpy.try_shutdown()


def listen(reliability: str, depth: str) -> None:
    """The listener's process, until SIGTERM: a line with the latency of every message."""
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from sensor_msgs.msg import Image

    from cosme_ros.malloc_settings import configure_malloc

    configure_malloc()  # as the node does

    def heard(message: Image) -> None:
        stamp = message.header.stamp
        print((time_ns() - stamp.sec * 10**9 - stamp.nanosec) / 1e6, flush=True)

    rclpy.init()
    node = rclpy.create_node("image_sizes_listener")
    node.create_subscription(Image, TOPIC, heard, quality_of_service(reliability, int(depth)))
    with suppress(ExternalShutdownException):
        rclpy.spin(node)


def quality_of_service(reliability: str, depth: int) -> Any:
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="WIDTHxHEIGHT")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument(
        "--profiles",
        nargs="+",
        default=[DEFAULT, str(profile_path())],
        help="Fast DDS profiles; 'default' is none",
    )
    parser.add_argument("--only-camera", action="store_true", help="the listener has no profile")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rate", type=float, default=10.0, help="Hz")
    parser.add_argument(
        "--depth",
        type=int,
        default=1,
        help="of the listener; with 1 a frame is displaced that is not taken before the next",
    )
    parser.add_argument("--out", type=Path, help="JSON lines to append to")
    parser.add_argument("--send", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--listen", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(*options.send)
        return 0
    if options.listen:
        listen(*options.listen)
        return 0
    print(f"{options.frames} frames at {options.rate:g} Hz; {profile_variable()}")
    print("| size | MB | mode | profile | arrived | p50 ms | max ms | publish ms |")
    print("|---|---|---|---|---|---|---|---|")
    for size in options.sizes:
        for mode in options.modes:
            for profile in options.profiles:
                run = measure(size, mode, profile, options)
                print(
                    f"| {size} | {run['megabytes']:.1f} | {mode} | {run['profile']} "
                    f"| {run['arrived']} of {run['sent']} | {run['latency_p50_ms']} "
                    f"| {run['latency_max_ms']} | {run['publish_p50_ms']} |",
                    flush=True,
                )
                if options.out:
                    with options.out.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(run) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
