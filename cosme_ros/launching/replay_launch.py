# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What `replay.launch.py` starts, worked out from its arguments before anything is started.

Imports no ROS: the launch file makes actions of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, Bag, BagError
from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.launching import launch_arguments
from cosme_ros.launching.detector_launch import DetectorLaunch, detector_launch
from cosme_ros.launching.launch_arguments import ArgumentError
from cosme_ros.output_folder import OutputError, prepare_output_dir
from cosme_ros.parameters import PARAMETERS_BY_NAME, PLAYER_PARAMETERS, Parameter
from cosme_ros.postprocessing.static_mask import StaticMaskError, load_static_mask
from cosme_ros.replay.runner import CONTENTS, HIGHEST_DOMAIN, Replay, random_domain_id

_PLAYER = {row.name: row for row in PLAYER_PARAMETERS}
_OF_DETECTOR = ("provider", "false_positive_rate", "static_mask", "image_rotation", "image_flip")


def _of(row: Parameter) -> tuple[str, str]:
    """Return default and text of a launch argument that stands for this parameter."""
    return str(row.default), row.help_text().removesuffix(".")


ARGUMENTS: dict[str, tuple[str | None, str]] = {
    "bag": (None, "rosbag2 bag to play"),
    "bundle": (None, "Directory of the bundle to run"),
    "out": ("replay_output", "Folder to write to"),
    "overwrite": ("false", "Whether to replace what an earlier replay wrote to it"),
    **{name: _of(_PLAYER[name]) for name in ("rate", "image_topic", "label_topic")},
    **{name: _of(PARAMETERS_BY_NAME[name]) for name in _OF_DETECTOR},
    "seconds_a_frame": (
        "1.0",
        "Upper limit of the detector's time for a frame. The replay waits 4 times as long at the "
        "end",
    ),
    "domain": (
        "",
        "ROS_DOMAIN_ID of the replay. Empty: a random one, so that nothing else is recorded",
    ),
    "pictures": ("false", "Whether to draw a contact sheet, pictures and a video"),
    "keep_recording": (
        "false",
        "Whether to keep the bag of all topics, about 2 MB a frame of 640x360",
    ),
    "rviz": ("false", "Whether RViz is started too"),
}


@dataclass(frozen=True)
class ReplayLaunch:
    """A replay's processes, as checked arguments describe them."""

    replay: Replay
    detector: DetectorLaunch
    out: Path
    domain: int
    pictures: bool
    keep_recording: bool


def replay_launch(
    given: Mapping[str, str], detector_arguments: Mapping[str, tuple[str, str]]
) -> ReplayLaunch:
    """Return what to start for the values of all launch arguments, and make `out`.

    `detector_arguments` are those of the detector's launch file, with their defaults. Raises
    ArgumentError; `out` is left alone then.
    """
    out = Path(given["out"]).expanduser()
    flags = {
        name: launch_arguments.flag(name, given[name])
        for name in ("overwrite", "pictures", "keep_recording", "rviz")
    }
    rate, seconds_a_frame = (
        launch_arguments.number(name, given[name], least, math.inf)
        for name, least in (("rate", _PLAYER["rate"].minimum or 0.0), ("seconds_a_frame", 0.0))
    )
    if math.inf in (rate, seconds_a_frame):
        name = "rate" if rate == math.inf else "seconds_a_frame"
        raise ArgumentError(name, f"is '{given[name]}', but must be finite")
    domain = (
        int(launch_arguments.number("domain", given["domain"], 0, HIGHEST_DOMAIN, whole=True))
        if given["domain"]
        else random_domain_id()
    )
    transport = _transport(given)
    compressed = transport == "compressed"
    image_topic = given["image_topic"]
    detector = detector_launch(
        {
            **{name: default for name, (default, _) in detector_arguments.items()},
            **{name: given[name] for name in ("bundle", *_OF_DETECTOR, "rviz")},
            "image_transport": transport,
            "image_topic": image_topic,
            "compressed_topic": image_topic if compressed else "",
            "autostart": "true",
            "respawn": "false",
        }
    )
    replay = Replay(
        bundle=_bundle(given),
        bag=Path(given["bag"]).expanduser(),
        image_topic=image_topic,
        label_topic=given["label_topic"],
        provider=given["provider"],
        false_positive_rate=float(given["false_positive_rate"]),
        threads=0,
        rate=rate,
        seconds_a_frame=seconds_a_frame,
        overlay=flags["pictures"],
        image_rotation=int(given["image_rotation"]),
        image_flip=given["image_flip"],
        static_mask=given["static_mask"],
    )
    try:
        load_static_mask(replay.static_mask)
    except StaticMaskError as error:
        raise ArgumentError("static_mask", f"cannot be used: {error}") from error
    try:
        prepare_output_dir(out, CONTENTS, overwrite=flags["overwrite"])
    except OutputError as error:
        raise ArgumentError("out", f"cannot be used: {error}") from error
    replay.write(out)
    return ReplayLaunch(
        replay=replay,
        detector=detector,
        out=out,
        domain=domain,
        pictures=flags["pictures"],
        keep_recording=flags["keep_recording"],
    )


def _transport(given: Mapping[str, str]) -> str:
    """As the bag has it: raw or compressed."""
    try:
        bag = Bag(Path(given["bag"]).expanduser())
    except BagError as error:
        raise ArgumentError("bag", f"cannot be used: {error}") from error
    name = "image_topic"
    try:
        with bag:
            kind = bag.type_of(given[name], among=(IMAGE, COMPRESSED_IMAGE))
            name = "label_topic"
            if given[name]:
                bag.type_of(given[name], among=(IMAGE,))
    except BagError as error:
        raise ArgumentError(name, f"is '{given[name]}', but {error}") from error
    return "compressed" if kind == COMPRESSED_IMAGE else "raw"


def _bundle(given: Mapping[str, str]) -> Path:
    """Return the path of the bundle, verified, with the rate in the range of its calibration."""
    try:
        bundle = load_bundle(given["bundle"])
    except BundleError as error:
        raise ArgumentError("bundle", f"cannot be used: {error}") from error
    try:
        bundle.calibration.threshold(bundle.rate(float(given["false_positive_rate"])))
    except ValueError as error:
        raise ArgumentError("false_positive_rate", f"does not fit the bundle: {error}") from error
    return bundle.path
