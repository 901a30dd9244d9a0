# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What `detector.launch.py` starts, worked out from its arguments before anything is started.

Imports no ROS: the launch file makes actions of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosme_ros import topics
from cosme_ros.bundle.loading import MANIFEST
from cosme_ros.launching import launch_arguments
from cosme_ros.launching.launch_arguments import ArgumentError
from cosme_ros.launching.parameter_file import ParameterFileError, parameters_in
from cosme_ros.parameters import PARAMETERS_BY_NAME, Settings

# Launch arguments that stand for a parameter of the same name. They have no default of their own:
# one that is not given must not override params_file.
_PARAMETERS = (
    "bundle",
    "image_transport",
    "provider",
    "device",
    "false_positive_rate",
    "region",
    "static_mask",
    "image_rotation",
    "image_flip",
    "cameras",
    "autostart",
)
_OTHERS = {
    "image_topic": (
        "",
        "Topic of the camera images. With image_transport compressed, /compressed is added unless "
        "the name ends with it. {camera} stands for the name of each of cameras. Empty: "
        "/camera/image_raw, with cameras /{camera}/image_raw",
    ),
    "compressed_topic": (
        "",
        "Topic of the compressed images, if it is not image_topic with /compressed added",
    ),
    "camera_info_topic": (
        "",
        "Topic of the camera's calibration, for the markers. {camera} as above. Empty: camera_info "
        "beside image_topic",
    ),
    "namespace": ("", "Namespace of the node, for example /front"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "respawn": ("true", "Whether a node that has died is started again"),
    "respawn_delay": ("1.0", "Seconds from the end of the node to its next start"),
    "rviz": ("false", "Whether RViz is started too. It shows the first camera"),
    "camera_frame": ("camera", "frame_id of the images; RViz shows the obstacles in it"),
}
LONGEST_DELAY = 3600.0  # seconds
SHORTEST_DELAY = 0.1  # seconds; without a pause a node that cannot start would fill the log

# The topics in config/cosme.rviz: of a node without namespace, whose camera has no name.
RVIZ_IMAGE = "/camera/image_raw"
RVIZ_OUTPUTS = (
    topics.OUTPUT_OVERLAY,
    topics.OUTPUT_SCORE,
    topics.OUTPUT_MASK,
    topics.OUTPUT_MARKERS,
)


@dataclass(frozen=True)
class DetectorLaunch:
    """The detector's process and RViz's, as checked arguments describe them."""

    params_file: Path
    parameters: dict[str, str | bool | float]
    """Those given as arguments; they win over `params_file`."""
    namespace: str
    """Absolute, or empty."""
    log_level: str
    remappings: list[tuple[str, str]]
    respawn: bool
    respawn_delay: float
    rviz: bool
    rviz_compressed: bool
    """Whether RViz's camera displays have to ask for compressed images."""
    rviz_remappings: list[tuple[str, str]]
    camera_frame: str


def declared_arguments(default_params_file: Path) -> dict[str, tuple[str, str]]:
    """Return default and description of every launch argument, by name."""
    return {
        **{
            name: ("", f"{PARAMETERS_BY_NAME[name].help_text()} Empty: as in params_file")
            for name in _PARAMETERS
        },
        **_OTHERS,
        "params_file": (str(default_params_file), "YAML file with parameters of the node"),
    }


def detector_launch(given: Mapping[str, str]) -> DetectorLaunch:
    """Return what to start for the values of all launch arguments. Raises ArgumentError."""
    namespace = launch_arguments.namespace("namespace", given["namespace"])
    params_file, in_file = _params_file(given["params_file"], namespace)
    parameters = {
        name: launch_arguments.parameter(name, given[name]) for name in _PARAMETERS if given[name]
    }
    if "bundle" in parameters:
        launch_arguments.folder("bundle", given["bundle"], holding=MANIFEST)
    effective = {**in_file, **parameters}
    cameras = _cameras(effective.get("cameras", Settings.cameras), given)
    transport = effective.get("image_transport", Settings.image_transport)
    inputs, bases = _image_topics(given, cameras, compressed=transport == "compressed")
    infos = (
        launch_arguments.camera_topics("camera_info_topic", given["camera_info_topic"], cameras)
        if given["camera_info_topic"]
        else {camera: camera_info_beside(topic) for camera, topic in bases.items()}
    )
    shown = cameras[0]
    return DetectorLaunch(
        params_file=params_file,
        parameters=parameters,
        namespace=namespace,
        log_level=launch_arguments.log_level("log_level", given["log_level"]),
        remappings=[
            (topics.of_camera(name, camera), of_camera[camera])
            for camera in cameras
            for name, of_camera in (
                (topics.INPUT_IMAGE, inputs),
                (topics.INPUT_CAMERA_INFO, infos),
            )
        ],
        respawn=launch_arguments.flag("respawn", given["respawn"]),
        respawn_delay=launch_arguments.number(
            "respawn_delay", given["respawn_delay"], SHORTEST_DELAY, LONGEST_DELAY
        ),
        rviz=launch_arguments.flag("rviz", given["rviz"]),
        rviz_compressed=transport == "compressed",
        rviz_remappings=[
            (RVIZ_IMAGE, bases[shown]),
            (RVIZ_IMAGE + topics.COMPRESSED_SUFFIX, inputs[shown]),
            # Where RViz looks for it beside a raw and beside a compressed image.
            (camera_info_beside(RVIZ_IMAGE), infos[shown]),
            (f"{RVIZ_IMAGE}/camera_info", infos[shown]),
            *(
                (
                    topics.resolve(output),
                    topics.resolve(topics.of_camera(output, shown), namespace=namespace),
                )
                for output in RVIZ_OUTPUTS
            ),
        ],
        camera_frame=launch_arguments.frame("camera_frame", given["camera_frame"]),
    )


def camera_info_beside(image_topic: str) -> str:
    """Return where drivers publish it by image_transport's convention."""
    base = image_topic.removesuffix(topics.COMPRESSED_SUFFIX)
    return base.rpartition("/")[0] + "/camera_info"


def _params_file(text: str, namespace: str) -> tuple[Path, dict[str, Any]]:
    """Return the path of the file, and the parameters that it has for this node."""
    path = Path(text).expanduser()
    try:
        return path, parameters_in(path, f"{namespace}/{topics.DETECTOR_NODE}")
    except ParameterFileError as error:
        raise ArgumentError("params_file", f"is '{text}', which {error}") from error


def _cameras(text: str, given: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return topics.cameras(text)
    except ValueError as error:
        source = "cameras" if given["cameras"] else "params_file"
        raise ArgumentError(source, f"has {error}") from error


def _image_topics(
    given: Mapping[str, str], cameras: tuple[str, ...], *, compressed: bool
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return each camera's topic that the node subscribes to, and image_transport's base topic."""
    named = cameras != (topics.ONLY_CAMERA,)
    # Where drivers publish by the convention of image_pipeline.
    default = f"/{topics.CAMERA_PLACEHOLDER if named else 'camera'}/image_raw"
    images = launch_arguments.camera_topics("image_topic", given["image_topic"] or default, cameras)
    if not compressed:
        if given["compressed_topic"]:
            raise ArgumentError(
                "compressed_topic",
                f"is '{given['compressed_topic']}', but image_transport is not compressed",
            )
        return images, images
    suffix = topics.COMPRESSED_SUFFIX
    bases = {camera: topic.removesuffix(suffix) for camera, topic in images.items()}
    if given["compressed_topic"]:
        exact = launch_arguments.camera_topics(
            "compressed_topic", given["compressed_topic"], cameras
        )
        return exact, bases
    return {camera: base + suffix for camera, base in bases.items()}, bases
