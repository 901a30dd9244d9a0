"""Plays a bag through a detector over real DDS, in processes of their own, and records it all.

This file starts and watches; it does not import ROS itself.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cosme_ros import names
from cosme_ros.bag_reading import COMPRESSED_IMAGE, IMAGE, Bag
from cosme_ros.child_processes import ChildProcesses
from cosme_ros.recording import Recording

DDS_PROFILE = "fastdds_large_images.xml"
SLACK_SECONDS = 120.0  # that a process may take beyond what it should, to start above all


@dataclass(frozen=True)
class Replay:
    """What to play through what."""

    bundle: Path
    bag: Path
    image_topic: str
    label_topic: str
    """Empty: there are no labels."""
    provider: str
    false_positive_rate: float
    threads: int
    rate: float
    """Multiple of the bag's own speed."""
    seconds_a_frame: float
    """About how long the detector takes, to know when silence means that it is done."""

    rounds: int = 1
    """How often the bag is played."""
    overlay: bool = True
    """Whether the overlay is listened to, and hence drawn."""

    def run(self, folder: Path, *, say: Callable[[str], None]) -> Recording:
        """Play to the end. Writes `folder`/recording, which must not exist, and `folder`/logs.

        Raises ChildError when a process fails, BagError when the bag cannot be played.
        """
        with Bag(self.bag) as bag:
            kind = bag.type_of(self.image_topic, among=(IMAGE, COMPRESSED_IMAGE))
            if self.label_topic:
                bag.type_of(self.label_topic, among=(IMAGE,))
            duration = bag.duration / self.rate * self.rounds
        transport = "compressed" if kind == COMPRESSED_IMAGE else "raw"
        silence = max(3.0, 4.0 * self.seconds_a_frame)
        target = folder / "recording"
        with ChildProcesses(folder / "logs", ros_environment()) as children:
            say("starting detector, recorder and player, each a process of its own")
            children.start_module(
                "detector",
                "cosme_ros.detector_node",
                _ros_arguments(
                    {
                        "bundle": str(self.bundle.resolve()),
                        "provider": self.provider,
                        "false_positive_rate": self.false_positive_rate,
                        "threads": self.threads,
                        "image_transport": transport,
                    },
                    {names.INPUT_IMAGE: self.image_topic},
                ),
            )
            recorder = children.start_module(
                "recorder",
                "cosme_ros.recorder_node",
                _ros_arguments(
                    {
                        "bag": str(target.resolve()),
                        "image_topic": self.image_topic,
                        "image_transport": transport,
                        "label_topic": self.label_topic,
                        "overlay": self.overlay,
                        "stop_after": silence,
                    }
                ),
            )
            player = children.start_module(
                "player",
                "cosme_ros.bag_player_node",
                _ros_arguments(
                    {
                        "bag": str(self.bag.resolve()),
                        "image_topic": self.image_topic,
                        "label_topic": self.label_topic,
                        "camera_info_topic": "",
                        "rate": self.rate,
                        "rounds": self.rounds,
                        "image_subscribers": 2,
                        "label_subscribers": 1,
                        "wait_timeout": SLACK_SECONDS,
                    }
                ),
            )
            say(f"playing {self.bag}, which takes {duration:.0f} s")
            children.wait_for(player, duration + 2 * SLACK_SECONDS)
            children.wait_for(recorder, silence + SLACK_SECONDS)
        return Recording(target, self.image_topic, self.label_topic)


def ros_environment() -> dict[str, str]:
    """Ours, made fit for ROS processes that hear each other, and nobody else on the network.

    ROS_DOMAIN_ID is one of our own, so that two replays on one machine do not mix. An own Fast DDS
    profile is respected.
    """
    environment = dict(os.environ)
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    # Above 101 the ports of a domain overlap those that Linux hands out to others.
    environment["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 101))
    environment["PYTHONUNBUFFERED"] = "1"
    for variable in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        environment.setdefault(variable, str(dds_profile()))
    # The ROS wheels set it when they have arranged the library path; a child is to do so itself.
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    return environment


def dds_profile() -> Path:
    """The Fast DDS profile for images of several megabytes. Raises FileNotFoundError."""
    shares = [Path(prefix, "share", "cosme_ros") for prefix in _prefixes()]
    candidates = [folder / "config" / DDS_PROFILE for folder in (_checkout(), *shares)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{DDS_PROFILE} is at none of: {', '.join(map(str, candidates))}")


def _checkout() -> Path:
    return Path(__file__).resolve().parent.parent


def _prefixes() -> list[str]:
    return [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]


def _ros_arguments(
    parameters: dict[str, str | float | int], remaps: dict[str, str] | None = None
) -> list[str]:
    arguments = ["--ros-args"]
    for name, value in parameters.items():
        # Read as YAML, of which JSON is a part: quoted, a path stays text, whatever it looks like.
        arguments += ["-p", f"{name}:={json.dumps(value)}"]
    for source, target in (remaps or {}).items():
        arguments += ["-r", f"{source}:={target}"]
    return arguments
