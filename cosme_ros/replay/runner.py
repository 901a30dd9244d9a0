# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Plays a bag through a detector over real DDS, in processes of their own, and records it all.

This file starts and watches; it does not import ROS itself. `launch/replay.launch.py` starts the
same nodes, described here, in ROS's own way.
"""

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cosme_ros import topics
from cosme_ros.atomic_files import write_atomically
from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, Bag
from cosme_ros.dds_profile import profile_path, profile_variable
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from cosme_ros.replay.recording import Recording
from cosme_ros.replay.subprocesses import Child, ChildProcesses

SLACK_SECONDS = 120.0  # that a process may take beyond what it should, to start above all
HIGHEST_DOMAIN = 101  # above it, a domain's ports overlap those that Linux hands out to others
DISK_SHARE = 0.9  # of what is free, that a recording may fill

RECORDING, LOGS, SETTINGS = "recording", "logs", "replay.json"
REPORT, PAGE = "report.json", "report.html"
CONTACT_SHEET, VIDEO, PICTURES = "contact_sheet.png", "drive.webm", "pictures"
"""What a replay leaves in its folder."""
CONTENTS = (RECORDING, LOGS, SETTINGS, REPORT, PAGE, CONTACT_SHEET, VIDEO, PICTURES)
"""All that replay and evaluation write to it."""


class ReplayError(Exception):
    """There can be no such replay; the message states what would be right."""


@dataclass(frozen=True)
class NodeCall:
    """A node of this package to be started, and how. Values are of the types it declares."""

    executable: str
    """Of the package."""
    parameters: dict[str, str | bool | int | float]


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
    image_rotation: int = AS_IT_IS.rotation
    """Degrees clockwise."""
    image_flip: str = AS_IT_IS.flip
    static_mask: str = ""
    """PNG file, as the node's parameter; empty: the whole image is looked at."""

    @classmethod
    def read(cls, folder: Path) -> "Replay":
        """Return the replay that wrote `folder`.

        Raises:
            ReplayError: it is not the folder of a replay.
        """
        try:
            values = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            paths = {name: Path(values[name]) for name in ("bundle", "bag")}
            known = {field.name for field in fields(cls)}
            return cls(**{**{k: v for k, v in values.items() if k in known}, **paths})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReplayError(
                f"{folder} is not the folder of a replay, which holds {SETTINGS} and "
                f"{RECORDING}/: {error}"
            ) from error

    def write(self, folder: Path) -> None:
        """Make `folder`, and leave there what `read` needs."""
        folder.mkdir(parents=True, exist_ok=True)
        absolute = {name: str(getattr(self, name).resolve()) for name in ("bundle", "bag")}
        absolute["static_mask"] = self._static_mask_path()
        text = json.dumps({**asdict(self), **absolute}, indent=2)
        write_atomically(folder / SETTINGS, text + "\n")

    @property
    def orientation(self) -> ImageOrientation:
        """How the camera's image becomes upright."""
        return ImageOrientation(self.image_rotation, self.image_flip)

    @property
    def silence(self) -> float:
        """Seconds without a message after which the detector is done with all it was given."""
        return max(3.0, 4.0 * self.seconds_a_frame)

    def image_transport(self) -> str:
        """As the bag has it: raw or compressed. Raises BagError for a bag that cannot be played."""
        with Bag(self.bag) as bag:
            kind = bag.type_of(self.image_topic, among=(IMAGE, COMPRESSED_IMAGE))
            if self.label_topic:
                bag.type_of(self.label_topic, among=(IMAGE,))
        return "compressed" if kind == COMPRESSED_IMAGE else "raw"

    def seconds(self) -> float:
        """How long it takes to play."""
        with Bag(self.bag) as bag:
            return bag.duration / self.rate * self.rounds

    def detector(self) -> NodeCall:
        """Its input is to be remapped to `image_topic`."""
        return NodeCall(
            "detector_node",
            {
                "bundle": str(self.bundle.resolve()),
                "provider": self.provider,
                "false_positive_rate": self.false_positive_rate,
                "threads": self.threads,
                "image_transport": self.image_transport(),
                "image_rotation": self.image_rotation,
                "image_flip": self.image_flip,
                "static_mask": self._static_mask_path(),
            },
        )

    def _static_mask_path(self) -> str:
        """Absolute, or empty."""
        return self.static_mask and str(Path(self.static_mask).expanduser().resolve())

    def recorder(self, folder: Path) -> NodeCall:
        """Return the recorder, which ends by itself `silence` seconds after the last message."""
        return NodeCall(
            "recorder_node",
            {
                "bag": str((folder / RECORDING).resolve()),
                "image_topic": self.image_topic,
                "image_transport": self.image_transport(),
                "label_topic": self.label_topic,
                "overlay": self.overlay,
                "stop_after": self.silence,
                "maximum_bytes": int(DISK_SHARE * shutil.disk_usage(folder).free),
            },
        )

    def player(self) -> NodeCall:
        """Return the player, which waits for detector and recorder, and restamps each frame."""
        return NodeCall(
            "bag_player_node",
            {
                "bag": str(self.bag.resolve()),
                "image_topic": self.image_topic,
                "label_topic": self.label_topic,
                "camera_info_topic": "",
                "rate": float(self.rate),
                "rounds": self.rounds,
                "image_subscribers": 2,
                "label_subscribers": 1 if self.label_topic else 0,
                "wait_timeout": SLACK_SECONDS,
            },
        )

    def run(self, folder: Path, *, log: Callable[[str], None]) -> Recording:
        """Play to the end. Writes RECORDING, which must not exist, LOGS and SETTINGS in `folder`.

        Raises ChildError when a process fails, BagError when the bag cannot be played.
        """
        duration = self.seconds()
        detector = self.detector()
        self.write(folder)
        with ChildProcesses(folder / LOGS, ros_environment()) as children:
            log("starting detector, recorder and player, each a process of its own")
            start_node(children, "detector", detector, {topics.INPUT_IMAGE: self.image_topic})
            recorder = start_node(children, "recorder", self.recorder(folder))
            player = start_node(children, "player", self.player())
            log(f"playing {self.bag}, which takes {duration:.0f} s")
            children.wait_for(player, duration + 2 * SLACK_SECONDS)
            children.wait_for(recorder, self.silence + SLACK_SECONDS)
        return Recording(folder / RECORDING, self.image_topic, self.label_topic)


def ros_environment() -> dict[str, str]:
    """Ours, made fit for ROS processes that hear each other, and nobody else on the network.

    ROS_DOMAIN_ID is one of our own, so that two replays on one machine do not mix. An own Fast DDS
    profile is respected.
    """
    environment = dict(os.environ)
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["ROS_DOMAIN_ID"] = str(random_domain_id())
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault(profile_variable(), str(profile_path()))
    # The ROS wheels set it when they have arranged the library path; a child is to do so itself.
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    return environment


def random_domain_id() -> int:
    """Return a ROS_DOMAIN_ID that probably nobody else on this machine uses."""
    return random.SystemRandom().randint(1, HIGHEST_DOMAIN)


def start_node(
    children: ChildProcesses, name: str, node: NodeCall, remaps: dict[str, str] | None = None
) -> Child:
    """Start a node as one of `children`, with its parameters and remappings."""
    arguments = ["--ros-args"]
    for parameter, value in node.parameters.items():
        # Read as YAML, of which JSON is a part: quoted, a path stays text, whatever it looks like.
        arguments += ["-p", f"{parameter}:={json.dumps(value)}"]
    for source, target in (remaps or {}).items():
        arguments += ["-r", f"{source}:={target}"]
    return children.start_module(name, "cosme_ros", [node.executable, *arguments])
