# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How launched processes end: by themselves, by Ctrl-C, by a kill; and that none is left."""

import json
import os
import random
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.faulty_bundle import MAGIC, write_hanging_bundle
from helpers.ros2_workspace import BAG, BUNDLE, Command, Shell
from helpers.small_bag import TYPES, image_message, stamp_of_frame
from helpers.tiny_bundle import street_frame
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.reading import IMAGE, Bag

INTERRUPTS = int(os.environ.get("INTERRUPTS", "4"))
"""Ctrl-C at so many random moments for each launch file: `make test-ros INTERRUPTS=20`."""
RESPAWNED_WITHIN = (
    10.0  # seconds from a kill to the next mask, where a core has not much else to do
)
BUSY = 4.0  # processes that want each core; where there are more, everything takes longer
MASK = "/cosme_detector/output/obstacle_mask"
HANGING = 70  # exit status of a node that hangs, as docs/troubleshooting.md has it
POISON = np.full((90, 160, 3), MAGIC, np.uint8)


def detector(shell: Shell, *more: str) -> Command:
    return shell.start(
        *("ros2", "launch", "cosme_ros", "detector.launch.py", f"bundle:={BUNDLE}"),
        *("image_transport:=compressed", "provider:=cpu", *more),
    )


def replay(shell: Shell, *more: str) -> Command:
    return shell.start(
        *("ros2", "launch", "cosme_ros", "replay.launch.py", f"bundle:={BUNDLE}", f"bag:={BAG}"),
        *("provider:=cpu", *more),
    )


def frames_of_bag() -> int:
    with Bag(BAG) as bag:
        return bag.count(topics.CAMERA_IMAGE)


def camera(shell: Shell) -> Command:
    return shell.start(
        *("ros2", "run", "cosme_ros", "bag_player_node", "--ros-args"),
        *("-p", f"bag:={BAG}", "-p", "rounds:=0", "-p", "label_topic:=''"),
    )


def assert_nothing_is_left(shell: Shell) -> None:
    end = time.monotonic() + 1.0  # a process that was waited for may be a zombie for a moment
    while shell.processes() and time.monotonic() < end:
        time.sleep(0.05)
    assert shell.processes() == {}


# The replay


def test_a_replay_gives_its_report(shell: Shell) -> None:
    command = replay(shell, "rate:=0.5")
    status, printed = command.finish()
    assert status == 0, printed
    assert command.last_line().endswith("the replay has been judged, see replay_output")
    report = json.loads((shell.folder / "replay_output" / "report.json").read_text())
    frames = report["frames"]
    assert frames["played"] > 0 and frames["in"] == frames["out"] + frames["dropped"] > 0
    assert report["published_equals_detector"] is True
    assert "Traceback" not in printed
    assert_nothing_is_left(shell)


def test_a_second_detector_does_not_falsify_the_report(shell: Shell) -> None:
    """It runs where the user's shell is, and hears what is played there: nothing."""
    other = detector(shell, "namespace:=/other")
    other.wait_for("listening to")
    status, printed = replay(shell, "rate:=0.5").finish()
    assert status == 0, printed
    assert_frames_are_its_own(shell)
    other.interrupt()
    other.finish()
    assert_nothing_is_left(shell)


def test_a_second_detector_in_the_same_domain_neither(shell: Shell) -> None:
    other = detector(shell, "namespace:=/other")
    other.wait_for("listening to")
    status, printed = replay(shell, "rate:=0.5", f"domain:={shell.domain}").finish()
    assert status == 0, printed
    assert_frames_are_its_own(shell)
    other.interrupt()
    other.finish()
    assert_nothing_is_left(shell)


def assert_frames_are_its_own(shell: Shell) -> None:
    """None of another detector's is counted. A loaded machine may lose some of them."""
    frames = json.loads((shell.folder / "replay_output" / "report.json").read_text())["frames"]
    assert frames["unaccounted_for"] == 0 and frames["lost_before_the_detector"] >= 0
    assert 0 < frames["out"] <= frames["in"] <= frames["played"] <= frames_of_bag()


def test_a_replay_whose_detector_refuses_fails_with_its_reason(shell: Shell) -> None:
    command = replay(shell, "provider:=tensorrt")
    status, printed = command.finish()
    assert status == 1
    assert "the replay is not complete: recorder_node-" in command.last_line()
    assert "cannot configure" in command.last_line()
    assert "was required" not in printed and "Traceback" not in printed
    assert_nothing_is_left(shell)


@pytest.mark.parametrize("victim", ["detector_node", "recorder_node", "bag_player_node"])
def test_a_replay_that_lost_a_process_fails_and_names_it(shell: Shell, victim: str) -> None:
    command = replay(shell, "rate:=0.1")
    command.wait_for(f"playing {frames_of_bag()} frames")
    os.kill(shell.process(f"lib/cosme_ros/{victim}"), signal.SIGKILL)
    status, printed = command.finish()
    assert status == 1
    assert re.search(
        rf"the replay is not complete: {victim}-\d was ended by signal 9$", command.last_line()
    ), printed
    assert_nothing_is_left(shell)


def test_a_replay_that_is_interrupted_is_not_complete(shell: Shell) -> None:
    command = replay(shell, "rate:=0.1")
    command.wait_for(f"playing {frames_of_bag()} frames")
    command.interrupt()
    status, printed = command.finish()
    assert status == 1
    assert "the replay is not complete: it was ended by ctrl-c" in command.last_line(), printed
    assert_nothing_is_left(shell)


# The detector


def test_a_killed_detector_is_back_and_publishes(shell: Shell) -> None:
    launched = detector(shell)
    launched.wait_for("listening to")
    player = camera(shell)
    player.wait_for("for ever")
    masks = shell.start(
        "ros2", "topic", "echo", "--field", "encoding", MASK, "sensor_msgs/msg/Image"
    )
    masks.wait_for("mono8")
    os.kill(shell.process("lib/cosme_ros/detector_node"), signal.SIGKILL)
    killed = time.monotonic()
    launched.wait_for("process has died")
    published = masks.printed.count("mono8")
    masks.wait_for("mono8", times=published + 1)
    took = time.monotonic() - killed
    load = os.getloadavg()[0]
    print(f"a mask {took:.1f} s after the kill, load {load:.1f}")
    patience = max(1.0, load / (os.cpu_count() or 1) / BUSY)
    assert took < RESPAWNED_WITHIN * patience, launched.printed
    masks.interrupt()
    masks.finish()
    launched.interrupt()
    assert launched.finish()[0] == 0
    player.interrupt()
    assert player.finish()[0] == 0
    assert_nothing_is_left(shell)


def test_a_detector_that_hangs_is_started_again(shell: Shell) -> None:
    """A frame that takes years: the process ends by itself with 70, and launch brings it back."""
    bundle = write_hanging_bundle(shell.folder / "bundle")
    bag = write_bag(shell.folder / "bag", [street_frame(90, 160)] * 20 + [POISON])
    limits = shell.folder / "limits.yaml"
    limits.write_text("/**:\n  ros__parameters: {stall_error: 2.0, stall_exit: 3.0}\n")
    launched = shell.start(
        *("ros2", "launch", "cosme_ros", "detector.launch.py", f"bundle:={bundle}"),
        *("provider:=cpu", f"params_file:={limits}"),
    )
    launched.wait_for("listening to")
    player = shell.start(
        *("ros2", "run", "cosme_ros", "bag_player_node", "--ros-args", "-p", f"bag:={bag}"),
        *("-p", "image_topic:=/camera/image_raw", "-p", "rounds:=0"),
        *("-p", "label_topic:=''", "-p", "camera_info_topic:=''"),
    )
    player.wait_for("for ever")
    launched.wait_for(f"the process ends with status {HANGING}: frames have been pending for")
    launched.wait_for(f"exit code {HANGING}")
    launched.wait_for("listening to", times=2)
    player.interrupt()
    player.finish()
    launched.interrupt()
    launched.finish()
    assert_nothing_is_left(shell)


def write_bag(folder: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Write raw images of /camera/image_raw, ten a second."""
    with Writer(folder, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/camera/image_raw", IMAGE, typestore=TYPES)
        for index, pixels in enumerate(pictures):
            stamp = stamp_of_frame(index)
            message = image_message(stamp, pixels, "bgr8")
            writer.write(connection, stamp, TYPES.serialize_cdr(message, IMAGE))
    return folder


def test_without_respawn_a_killed_detector_is_a_failure(shell: Shell) -> None:
    launched = detector(shell, "respawn:=false")
    launched.wait_for("listening to")
    os.kill(shell.process("lib/cosme_ros/detector_node"), signal.SIGKILL)
    status, printed = launched.finish()
    assert status == 1
    assert "detector_node-1 was ended by signal 9" in launched.last_line(), printed
    assert_nothing_is_left(shell)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_detector_run_alone_ends_cleanly(shell: Shell, number: int) -> None:
    run = shell.start(
        *("ros2", "run", "cosme_ros", "detector_node", "--ros-args"),
        *("-p", f"bundle:={BUNDLE}", "-p", "provider:=cpu"),
    )
    run.wait_for("listening to")
    os.kill(shell.process("lib/cosme_ros/detector_node"), number)
    status, printed = run.finish()
    assert status == 0 and "Traceback" not in printed
    assert_nothing_is_left(shell)


# Ctrl-C at any moment


@pytest.mark.parametrize("round_", range(INTERRUPTS))
@pytest.mark.parametrize(("launch", "span"), [(detector, 4.0), (replay, 20.0)])
def test_interrupted_at_a_random_moment_nothing_is_left(
    shell: Shell, launch, span: float, round_: int
) -> None:
    """From the first process on; half of the time with a second Ctrl-C while all are ending."""
    command = launch(shell)
    command.wait_for("process started")
    time.sleep(random.SystemRandom().uniform(0.0, span))
    command.interrupt()
    if round_ % 2:
        time.sleep(random.SystemRandom().uniform(0.0, 0.5))
        command.interrupt()
    _, printed = command.finish()
    assert "Traceback" not in printed, printed
    if launch is detector:
        assert "has died" not in printed, printed
    assert_nothing_is_left(shell)
