# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Odometry as ROS publishes it, at a detector that its launch file has started for it."""

from helpers.ros2_workspace import BUNDLE, Shell


def test_odometry_is_taken_from_its_topic(shell: Shell) -> None:
    marks = shell.folder / "marks.jsonl"
    detector = shell.start(
        *("ros2", "launch", "cosme_ros", "detector.launch.py", f"bundle:={BUNDLE}"),
        *("provider:=cpu", f"marks:={marks}", "driven_over:=true", "camera_height:=1.45"),
        "odometry_topic:=/car/odometry",
    )
    detector.wait_for("listening to")
    # The name of another frame: the node says so, which it can only have from the message.
    vehicle = shell.start(
        *("ros2", "topic", "pub", "--rate", "10", "/car/odometry", "nav_msgs/msg/Odometry"),
        "{header: {frame_id: odom}, child_frame_id: wheel}",
    )
    detector.wait_for("odometry refused: ")
    # Without the daemon: one that was only just started knows no topic yet.
    subscription = shell.ros2(
        *("topic", "info", "--no-daemon", "--spin-time", "5", "--verbose", "/car/odometry")
    ).partition("Subscription count:")[2]
    assert "Node name: cosme_detector" in subscription
    assert "Reliability: BEST_EFFORT" in subscription
    for command in (vehicle, detector):
        command.interrupt()
        command.finish()
    assert "wheel" in detector.printed.partition("odometry refused: ")[2].splitlines()[0]
