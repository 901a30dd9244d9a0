# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Starts the detector node: `ros2 launch cosme_ros detector.launch.py bundle:=/path/to/bundle`.

With several cameras, `cameras:=front,rear image_topic:=/{camera}/image_raw` listens to
/front/image_raw and /rear/image_raw. `--show-args` shows all arguments.
"""

from launch import LaunchDescription
from launch.actions import OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit

from cosme_ros.launching.detector_launch import declared_arguments, detector_launch
from cosme_ros.launching.launch_actions import (
    config_folder,
    dds_profile,
    declare,
    detector_node,
    rviz_node,
    start_prefix,
    values_of,
)
from cosme_ros.launching.launch_outcome import LaunchOutcome

ARGUMENTS = declared_arguments(config_folder() / "detector.yaml")


def generate_launch_description():
    return LaunchDescription(
        [*declare(ARGUMENTS), *dds_profile(), OpaqueFunction(function=actions)]
    )


def actions(context):
    """What is started, once the values of the arguments are known. Raises for wrong ones."""
    settings = detector_launch(values_of(ARGUMENTS, context))
    detector = detector_node(settings, start_prefix(context))
    rviz = rviz_node(settings)
    outcome = LaunchOutcome()

    def on_exit(event, context):
        """A detector that stays away is a failure, but no reason to end what else is launched."""
        if event.returncode != 0 and not settings.respawn and not context.is_shutdown:
            outcome.remember_failure(outcome.describe_exit(event))

    return [
        *outcome.handlers(),
        RegisterEventHandler(OnProcessExit(target_action=detector, on_exit=on_exit)),
        detector,
        *rviz,
    ]
