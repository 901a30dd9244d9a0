# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bag through the live node: `ros2 launch cosme_ros replay.launch.py bag:=... bundle:=...`.

Starts detector, recorder and player; once the bag has been played and the detector is done with it,
the recording is judged: latency, dropped frames, detection as the vehicle had it in time. Then all
ends, with exit code 0 if there is a report. Without `ros2 launch`, `python -m cosme_ros replay_bag`
does the same.
"""

import sys

from launch import LaunchDescription
from launch.actions import (
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit

from cosme_ros.launching.detector_launch import declared_arguments
from cosme_ros.launching.launch_actions import (
    config_folder,
    dds_profile,
    declare,
    detector_node,
    package_node,
    rviz_node,
    start_prefix,
    values_of,
)
from cosme_ros.launching.launch_outcome import LaunchOutcome
from cosme_ros.missing_packages import named

with named():  # reading bags needs packages that the node does not
    from cosme_ros.launching.replay_launch import ARGUMENTS, replay_launch


def generate_launch_description():
    return LaunchDescription(
        [*declare(ARGUMENTS), *dds_profile(), OpaqueFunction(function=actions)]
    )


def actions(context):
    """All that happens, once the values of the arguments are known. Raises for wrong ones."""
    settings = replay_launch(
        values_of(ARGUMENTS, context), declared_arguments(config_folder() / "detector.yaml")
    )
    replay, out = settings.replay, settings.out
    rviz = rviz_node(settings.detector)
    prefix = start_prefix(context)
    detector = detector_node(settings.detector, prefix)
    recorder = node(replay.recorder(out), prefix)
    player = node(replay.player(), prefix)
    evaluate_recording = ExecuteProcess(
        cmd=[
            *(sys.executable, "-m", "cosme_ros", "judge_recording", str(out)),
            *(["--pictures"] if settings.pictures else []),
            *([] if settings.keep_recording else ["--remove-recording"]),
        ],
        name="judge_recording",
        prefix=prefix,
        output="screen",
    )
    outcome = LaunchOutcome(
        unfinished=lambda reason: f"the replay is not complete: it was ended by {reason}"
    )

    def follow_up(event, context):
        """What the end of a process brings about."""
        followed = (detector, recorder, player, evaluate_recording)
        if context.is_shutdown or event.action not in followed:
            return None
        if event.action is detector or event.returncode != 0:
            return outcome.fail(f"the replay is not complete: {outcome.describe_exit(event)}")
        if event.action is evaluate_recording:
            return outcome.succeed(f"the replay has been judged, see {out}")
        return [evaluate_recording] if event.action is recorder else None

    return [
        # First, so that not even the quickest end is missed.
        *outcome.handlers(),
        RegisterEventHandler(OnProcessExit(on_exit=follow_up)),
        # What else runs on this machine must neither be recorded nor disturbed.
        SetEnvironmentVariable("ROS_DOMAIN_ID", str(settings.domain)),
        SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
        LogInfo(msg=f"the replay is in ROS_DOMAIN_ID {settings.domain}"),
        detector,
        *rviz,
        recorder,
        player,
    ]


def node(call, prefix):
    return package_node(call.executable, call.parameters, prefix=prefix)
