# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Wrong launch arguments under the real `ros2 launch`: refused by name, and nothing is started."""

import pytest
from helpers.ros2_workspace import BAG, BUNDLE, Shell

DETECTOR = ("ros2", "launch", "cosme_ros", "detector.launch.py", f"bundle:={BUNDLE}")
REPLAY = ("ros2", "launch", "cosme_ros", "replay.launch.py", f"bundle:={BUNDLE}", f"bag:={BAG}")


@pytest.mark.parametrize(
    "wrong",
    [
        "bundle:=/no/such/bundle",
        "image_topic:=/a b",
        "image_topic:=/{camera}/image_raw",
        "image_transport:=theora",
        "compressed_topic:=/jpeg",
        "camera_info_topic:=//info",
        "odometry_topic:=//odom",
        "marks_limit:=0",
        "camera_height:=tall",
        "camera_frame:=my camera",
        "provider:=abacus",
        "false_positive_rate:=abc",
        "region:=moon",
        "cameras:=front,,rear",
        "autostart:=maybe",
        "rviz:=maybe",
        "namespace:=a b",
        "params_file:=/no/such/file.yaml",
        "log_level:=chatty",
        "respawn:=often",
        "respawn_delay:=soon",
    ],
)
def test_the_detectors(shell: Shell, wrong: str) -> None:
    refused(shell, DETECTOR, wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "bag:=/no/such/bag",
        "bundle:=/no/such/bundle",
        "out:=/proc/out",
        "rate:=fast",
        "image_topic:=/front",
        "label_topic:=/truth",
        "provider:=abacus",
        "false_positive_rate:=abc",
        "seconds_a_frame:=-1",
        "domain:=1000",
        "pictures:=maybe",
        "keep_recording:=maybe",
        "rviz:=maybe",
    ],
)
def test_the_replays(shell: Shell, wrong: str) -> None:
    refused(shell, REPLAY, wrong)
    assert not (shell.folder / "replay_output").exists()


def refused(shell: Shell, command: tuple[str, ...], wrong: str) -> None:
    launch = shell.start(*command, wrong)
    status, printed = launch.finish()
    assert status == 1
    assert f"argument '{wrong.partition(':=')[0]}' " in launch.last_line()
    assert "process started" not in printed and "Traceback" not in printed
    assert shell.processes() == {}


def test_rviz_that_is_not_installed_is_said_before_anything_starts(shell: Shell) -> None:
    if "rviz2" in shell.ros2("pkg", "list").split():
        pytest.skip("rviz2 is installed here")
    for command in (DETECTOR, REPLAY):
        refused(shell, command, "rviz:=true")


RVIZ_CONFIG = """
import sys
from cosme_ros.launching.detector_launch import declared_arguments, detector_launch
from cosme_ros.launching.launch_actions import config_folder, rviz_config
declared = declared_arguments(config_folder() / "detector.yaml")
defaults = {name: default for name, (default, _) in declared.items()}
print(rviz_config(detector_launch({**defaults, "image_transport": sys.argv[1]})).read_text())
"""


@pytest.mark.parametrize(
    ("transport", "topic"),
    [("raw", "/camera/image_raw"), ("compressed", "/camera/image_raw/compressed")],
)
def test_rviz_is_asked_for_the_cameras_transport(shell: Shell, transport: str, topic: str) -> None:
    """RViz takes it from the name of the topic in its configuration."""
    status, config = shell.run("python3", "-c", RVIZ_CONFIG, transport)
    assert status == 0, config
    values = [line.split()[1] for line in config.splitlines() if "Value: /camera/" in line]
    assert values == [topic, topic]


def test_an_argument_that_must_be_given_is_named(shell: Shell) -> None:
    launch = shell.start(*REPLAY[:-1])
    status, _ = launch.finish()
    assert status == 1 and "bag" in launch.last_line()


@pytest.mark.parametrize("file", ["detector.launch.py", "replay.launch.py"])
def test_arguments_are_shown(shell: Shell, file: str) -> None:
    shown = shell.ros2("launch", "cosme_ros", file, "--show-args")
    assert "'bundle':" in shown and "'rviz':" in shown
