# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every executable by `ros2 run`: its help, what it refuses, and that it does its work."""

import json
import os
import re
import signal
import time

import pytest
from helpers.ros2_workspace import BAG, BUNDLE, Shell

NODES = ("detector_node", "bag_player_node", "recorder_node")
COMMANDS = (
    "replay_bag",
    "judge_recording",
    "demo",
    "evaluate_bag",
    "calibrate",
    "explain",
    "references",
    "mark_normal",
    "snapshot",
    "watch",
)


def test_these_are_all(shell: Shell) -> None:
    listed = shell.ros2("pkg", "executables", "cosme_ros").split()[1::2]
    assert sorted(listed) == sorted((*NODES, *COMMANDS))


@pytest.mark.parametrize("executable", [*NODES, *COMMANDS])
def test_help_is_shown_and_unknown_arguments_are_refused(shell: Shell, executable: str) -> None:
    shown = shell.ros2("run", "cosme_ros", executable, "--help")
    assert shown.startswith("usage: ") and executable in shown
    status, printed = shell.run("ros2", "run", "cosme_ros", executable, "--frobnicate")
    assert status == 2
    assert "error: " in printed and "Traceback" not in printed


@pytest.mark.parametrize("node", NODES)
def test_ros_arguments_that_cannot_be_read_are_a_sentence(shell: Shell, node: str) -> None:
    for wrong in (("-p", "bag"), ("--log-level", "chatty"), ("--params-file", "/no/such.yaml")):
        status, printed = shell.run("ros2", "run", "cosme_ros", node, "--ros-args", *wrong)
        assert status == 2
        assert "ROS cannot be started: " in printed and "Traceback" not in printed


@pytest.mark.parametrize("executable", [*NODES, "evaluate_bag", "snapshot", "judge_recording"])
def test_interrupted_while_it_is_loading(shell: Shell, executable: str) -> None:
    """At ever later moments of the imports.

    The first tenth of a second is Python's own start, in which nobody can catch anything; there the
    launch files have env hold the signal back.
    """
    parameters = {
        "detector_node": ("--ros-args", "-p", f"bundle:={BUNDLE}"),
        "bag_player_node": ("--ros-args", "-p", f"bag:={BAG}"),
        "recorder_node": ("--ros-args", "-p", "bag:=recording"),
        "evaluate_bag": (str(BAG), "--bundle", str(BUNDLE), "--out", "report"),
        "snapshot": (str(BAG), "--bundle", str(BUNDLE), "--out", "pictures"),
        "judge_recording": ("nowhere",),
    }[executable]
    program = f"{shell.ros2('pkg', 'prefix', 'cosme_ros').strip()}/lib/cosme_ros/{executable}"
    for delay in (0.0, 0.2, 0.4, 0.8):
        # A recorder that got so far has made its bag, and refuses one that exists.
        own = [part.replace("bag:=recording", f"bag:=recording_{delay}") for part in parameters]
        run = shell.start(program, *own)
        run.wait_until_interrupts_wait()
        time.sleep(delay)
        run.interrupt()
        status, printed = run.finish()
        assert "Traceback" not in printed, (delay, printed)
        assert status in ((0,) if executable in NODES else (1, 130)), (delay, status, printed)


def test_player_and_recorder_work_together(shell: Shell) -> None:
    detector = shell.start(
        *("ros2", "run", "cosme_ros", "detector_node", "--ros-args"),
        *("-p", f"bundle:={BUNDLE}", "-p", "image_transport:=compressed"),
        *("-r", "~/input/image:=/camera/image_raw/compressed"),
    )
    detector.wait_for("listening to")
    recorder = shell.start(
        *("ros2", "run", "cosme_ros", "recorder_node", "--ros-args"),
        *("-p", "bag:=recording", "-p", "stop_after:=3.0"),
    )
    player = shell.start(
        *("ros2", "run", "cosme_ros", "bag_player_node", "--ros-args"),
        *("-p", f"bag:={BAG}", "-p", "image_subscribers:=2", "-p", "label_subscribers:=1"),
        *("-p", "rate:=0.5"),
    )
    assert player.finish()[0] == 0
    status, printed = recorder.finish()
    assert status == 0 and re.search(r"recorder: \d+ frames, ", printed), printed
    os.kill(shell.process("lib/cosme_ros/detector_node"), signal.SIGTERM)
    assert detector.finish()[0] == 0


def test_replay_bag_and_judge_recording(shell: Shell) -> None:
    shell.ros2(
        *("run", "cosme_ros", "replay_bag", str(BAG), "--bundle", str(BUNDLE), "--out", "out"),
        *("--provider", "cpu", "--rate", "2", "--keep-recording"),
    )
    report = shell.folder / "out" / "report.json"
    before = json.loads(report.read_text())
    report.unlink()
    shell.ros2("run", "cosme_ros", "judge_recording", "out", "--remove-recording")
    after = json.loads(report.read_text())
    assert before["frames"] == after["frames"] and before["ap"] == after["ap"]
    assert not (shell.folder / "out" / "recording").exists()


def test_demo_draws(shell: Shell) -> None:
    places = ("--bundle", str(BUNDLE), "--bag", str(BAG), "--out", "out")
    shell.ros2("run", "cosme_ros", "demo", *places, "--provider", "cpu", "--rate", "2")
    assert (shell.folder / "out" / "contact_sheet.png").is_file()


def test_evaluate_bag_and_snapshot(shell: Shell) -> None:
    given = (str(BAG), "--bundle", str(BUNDLE), "--provider", "cpu")
    shell.ros2("run", "cosme_ros", "evaluate_bag", *given, "--out", "report")
    assert (shell.folder / "report" / "report.html").is_file()
    printed = shell.ros2(
        *("run", "cosme_ros", "snapshot", *given, "--out", "pictures", "--frames", "30")
    )
    assert "1 picture in pictures" in printed


def test_calibrate_says_what_a_drive_of_seconds_does_not_support(shell: Shell) -> None:
    status, printed = shell.run(
        *("ros2", "run", "cosme_ros", "calibrate", str(BAG), "--bundle", str(BUNDLE)),
        *("--out", "calibrated", "--false-alarms-per-hour", "1"),
    )
    assert status == 1 and "Traceback" not in printed, printed
    assert not (shell.folder / "calibrated").exists()
