# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Actions that both launch files use: the detector's process, RViz, the DDS profile."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch import LaunchContext
from launch.action import Action
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.logging import launch_config
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from cosme_ros import topics
from cosme_ros.dds_profile import profile_path, profile_variable
from cosme_ros.launching.detector_launch import RVIZ_IMAGE, DetectorLaunch
from cosme_ros.launching.launch_arguments import ArgumentError

# Python needs a tenth of a second until our own code can hold a Ctrl-C back (in __main__.py); until
# then it would print a traceback. GNU env, which Ubuntu and Debian have, can do it from the start.
INTERRUPTS_WAIT = "env --block-signal=INT"


def config_folder() -> Path:
    """Return where this package's configuration is installed."""
    return Path(get_package_share_directory("cosme_ros")) / "config"


def declare(arguments: Mapping[str, tuple[str | None, str]]) -> list[Action]:
    """Return the declarations of launch arguments: name to default, None for none, and text."""
    return [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]


def values_of(
    arguments: Mapping[str, tuple[str | None, str]], context: LaunchContext
) -> dict[str, str]:
    """Return the value of each declared argument."""
    return {name: context.launch_configurations[name] for name in arguments}


def dds_profile() -> list[Action]:
    """Return the action that sets the Fast DDS profile, unless the user has set one."""
    variable = profile_variable()
    if os.environ.get(variable):
        return []
    return [SetEnvironmentVariable(variable, str(profile_path()))]


def start_prefix(context: LaunchContext) -> str | None:
    """Return what our processes are to be started by, so that an early Ctrl-C waits for them.

    None, launch's own default, where the user has a prefix for all processes, or env cannot do it.
    """
    if context.launch_configurations.get("launch-prefix"):
        return None
    try:
        tried = subprocess.run(
            [*INTERRUPTS_WAIT.split(), "true"], capture_output=True, timeout=10.0, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return INTERRUPTS_WAIT if tried.returncode == 0 else None


def package_node(
    executable: str,
    parameters: Mapping[str, str | bool | int | float],
    *,
    prefix: str | None,
    params_file: Path | None = None,
    **more: object,
) -> Node:
    """Return a node of this package, started by `start_prefix`.

    A text stays text, whatever it looks like: launch_ros would make a number of "12".
    """
    typed = {
        name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
    return Node(
        package="cosme_ros",
        executable=executable,
        exec_name=executable,  # else launch would call the process by its prefix
        prefix=prefix,
        parameters=[*([str(params_file)] if params_file else []), *([typed] if typed else [])],
        output="screen",
        **more,
    )


def detector_node(settings: DetectorLaunch, prefix: str | None) -> Node:
    """Return the detector.

    It configures and activates itself (unless autostart is false), so it is a plain Node without
    lifecycle event handlers.
    """
    return package_node(
        "detector_node",
        settings.parameters,
        prefix=prefix,
        params_file=settings.params_file,
        name=topics.DETECTOR_NODE,
        namespace=settings.namespace,
        remappings=settings.remappings,
        ros_arguments=["--log-level", settings.log_level],
        respawn=settings.respawn,
        respawn_delay=settings.respawn_delay,
    )


def rviz_node(settings: DetectorLaunch) -> list[Action]:
    """Return RViz where it is asked for. Raises ArgumentError where it is not installed."""
    if not settings.rviz:
        return []
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError as error:
        distribution = os.environ.get("ROS_DISTRO", "$ROS_DISTRO")
        raise ArgumentError(
            "rviz",
            f"is true, but rviz2 is not installed: sudo apt install ros-{distribution}-rviz2",
        ) from error
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            name="cosme_rviz",
            arguments=["-d", str(rviz_config(settings)), "-f", settings.camera_frame],
            remappings=settings.rviz_remappings,
            output="screen",
        )
    ]


def rviz_config(settings: DetectorLaunch) -> Path:
    """Return RViz's configuration; for a compressed camera a copy, in the folder of launch's logs.

    RViz takes image_transport's transport from the name in the display, before it is remapped.
    """
    config = config_folder() / "cosme.rviz"
    if not settings.rviz_compressed:
        return config
    text = config.read_text(encoding="utf-8")
    value = f"Value: {RVIZ_IMAGE}\n"
    copy = Path(launch_config.log_dir) / config.name
    copy.write_text(
        text.replace(value, value.rstrip() + topics.COMPRESSED_SUFFIX + "\n"), encoding="utf-8"
    )
    return copy
