# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ROS's own command line at a running detector: run, topic, param, lifecycle, node, service."""

import time
from collections.abc import Iterator

import pytest
from helpers.ros2_workspace import BAG, BUNDLE, PATIENCE, Shell, Workspace

NODE = "/cosme_detector"
TOPICS = {
    f"{NODE}/output/anomaly_score": "sensor_msgs/msg/Image",
    f"{NODE}/output/obstacle_mask": "sensor_msgs/msg/Image",
    f"{NODE}/output/overlay": "sensor_msgs/msg/Image",
    f"{NODE}/output/markers": "visualization_msgs/msg/MarkerArray",
    f"{NODE}/output/obstacle_points": "sensor_msgs/msg/PointCloud2",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
# Points need a calibrated camera, and the demo's is not: nothing is published there.
HEARD = {topic: kind for topic, kind in TOPICS.items() if not topic.endswith("obstacle_points")}


@pytest.fixture(scope="module")
def shell(workspace: Workspace, tmp_path_factory) -> Iterator[Shell]:
    """With a detector started by its launch file, and a camera that never ends."""
    shell = Shell(workspace, tmp_path_factory.mktemp("shell"))
    detector = shell.start(
        *("ros2", "launch", "cosme_ros", "detector.launch.py", f"bundle:={BUNDLE}"),
        *("image_transport:=compressed", "provider:=cpu", "false_positive_rate:=1e-3"),
    )
    detector.wait_for("listening to /camera/image_raw/compressed")
    player = shell.start(
        *("ros2", "run", "cosme_ros", "bag_player_node", "--ros-args"),
        *("-p", f"bag:={BAG}", "-p", "rounds:=0", "-p", "label_topic:=''"),
    )
    player.wait_for("for ever")
    wait_until_the_daemon_knows(shell)
    yield shell
    shell.close()


def wait_until_the_daemon_knows(shell: Shell) -> None:
    """Wait until ROS's daemon, which answers `ros2 topic list` and others, has found the node.

    A call that finds no daemon starts one and answers by a node of its own: what that sees says
    nothing of what the new daemon, which answers the next call, has found by then. So the daemon is
    started first.
    """
    end = time.monotonic() + PATIENCE
    while "is running" not in shell.run("ros2", "daemon", "status")[1]:
        assert time.monotonic() < end, "no daemon"
        shell.run("ros2", "daemon", "start")
    while True:
        topics = shell.run("ros2", "topic", "list")[1].split()
        services = shell.run("ros2", "service", "list")[1].split()
        nodes = shell.run("ros2", "node", "list")[1].split()
        if {*TOPICS} <= {*topics} and f"{NODE}/get_state" in services and NODE in nodes:
            return
        assert time.monotonic() < end, (topics, services, nodes)


# ros2 topic


@pytest.mark.parametrize(("topic", "kind"), TOPICS.items())
def test_topic_list_and_type(shell: Shell, topic: str, kind: str) -> None:
    assert topic in shell.ros2("topic", "list").split()
    assert shell.ros2("topic", "type", topic).strip() == kind
    assert topic in shell.ros2("topic", "find", kind).split()


@pytest.mark.parametrize(("topic", "kind"), HEARD.items())
def test_topic_echo_hears_every_output(shell: Shell, topic: str, kind: str) -> None:
    header = "markers:" if kind.endswith("MarkerArray") else "stamp:"
    assert header in shell.ros2("topic", "echo", "--once", "--truncate-length", "8", topic, kind)


def test_topic_echo_of_a_mask_is_a_mask(shell: Shell) -> None:
    field = ("--field", "encoding")
    mask = f"{NODE}/output/obstacle_mask"
    assert "mono8" in shell.ros2("topic", "echo", "--once", *field, mask)
    assert "32FC1" in shell.ros2("topic", "echo", "--once", *field, f"{NODE}/output/anomaly_score")


def test_detections_are_heard_where_vision_msgs_is(shell: Shell) -> None:
    if "vision_msgs" not in shell.ros2("pkg", "list").split():
        pytest.skip("vision_msgs is not installed here")
    topic, kind = f"{NODE}/output/detections", "vision_msgs/msg/Detection2DArray"
    assert shell.ros2("topic", "type", topic).strip() == kind
    heard = shell.start("ros2", "topic", "echo", topic, kind)
    heard.wait_for("class_id: ")  # of an obstacle; most frames of the demo show one
    heard.interrupt()
    heard.finish()
    box = heard.printed.partition("bbox:")[2]
    assert "size_x:" in box and "frame_id: camera" in heard.printed


def test_topic_info_tells_the_quality_of_service(shell: Shell) -> None:
    image = shell.ros2("topic", "info", "--verbose", "/camera/image_raw/compressed")
    subscription = image.partition("Subscription count:")[2]
    assert "Node name: cosme_detector" in subscription
    assert "Reliability: BEST_EFFORT" in subscription
    output = shell.ros2("topic", "info", "--verbose", f"{NODE}/output/obstacle_mask")
    assert "Reliability: RELIABLE" in output


def test_topic_hz_delay_and_bw_measure(shell: Shell) -> None:
    for tool, words in (("hz", "average rate:"), ("delay", "average delay:"), ("bw", "B/s from")):
        measuring = shell.start("ros2", "topic", tool, f"{NODE}/output/obstacle_mask")
        measuring.wait_for(words)
        measuring.interrupt()
        measuring.finish()


# ros2 node


def test_node_list_and_info(shell: Shell) -> None:
    assert NODE in shell.ros2("node", "list").split()
    told = shell.ros2("node", "info", NODE)
    for topic, kind in TOPICS.items():
        assert f"{topic}: {kind}" in told
    assert "/camera/image_raw/compressed: sensor_msgs/msg/CompressedImage" in told
    assert f"{NODE}/change_state: lifecycle_msgs/srv/ChangeState" in told


# ros2 param


def test_param_list_get_and_describe(shell: Shell) -> None:
    listed = shell.ros2("param", "list", NODE).split()
    for name in ("bundle", "provider", "false_positive_rate", "minimum_area", "autostart"):
        assert name in listed
    assert "0.001" in shell.ros2("param", "get", NODE, "false_positive_rate")
    assert str(BUNDLE) in shell.ros2("param", "get", NODE, "bundle")
    rate = shell.ros2("param", "describe", NODE, "false_positive_rate")
    assert "Type: double" in rate and "Max value: 0.5" in rate
    assert "Can be set at any time" in rate
    fixed = shell.ros2("param", "describe", NODE, "autostart")
    assert "Read only: true" in fixed and "Can be set when the process starts" in fixed


def test_param_set_takes_what_is_right_and_says_what_is_wrong(shell: Shell) -> None:
    assert "successful" in shell.ros2("param", "set", NODE, "minimum_area", "100")
    assert "100" in shell.ros2("param", "get", NODE, "minimum_area")
    assert "successful" in shell.ros2("param", "set", NODE, "minimum_area", "0")
    for name, value, words in (
        ("minimum_area", "-1", "minimum_area"),
        ("provider", "cuda", "can be set only while the node is unconfigured"),
        ("autostart", "false", "read-only"),
        ("region", "moon", "must be one of: everything, drivable"),
    ):
        _, printed = shell.run("ros2", "param", "set", NODE, name, value)
        assert "failed" in printed and words in printed, printed


def test_param_dump_and_load(shell: Shell) -> None:
    dumped = shell.ros2("param", "dump", NODE)
    assert dumped.startswith(f"{NODE}:") and "ros__parameters:" in dumped
    file = shell.folder / "changed.yaml"
    file.write_text("/**:\n  ros__parameters:\n    minimum_area: 80\n", encoding="utf-8")
    assert "successful" in shell.ros2("param", "load", NODE, str(file))
    assert "80" in shell.ros2("param", "get", NODE, "minimum_area")
    shell.ros2("param", "set", NODE, "minimum_area", "0")


# ros2 service


def test_service_list_type_and_call(shell: Shell) -> None:
    assert f"{NODE}/get_state" in shell.ros2("service", "list").split()
    kind = shell.ros2("service", "type", f"{NODE}/get_state").strip()
    assert kind == "lifecycle_msgs/srv/GetState"
    assert "label='active'" in shell.ros2("service", "call", f"{NODE}/get_state", kind)


# ros2 lifecycle


def test_lifecycle_goes_down_and_up_again(shell: Shell) -> None:
    assert NODE in shell.ros2("lifecycle", "nodes").split()
    assert "deactivate" in shell.ros2("lifecycle", "list", NODE)
    for transition, state in (
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("configure", "inactive"),
        ("activate", "active"),
    ):
        assert "successful" in shell.ros2("lifecycle", "set", NODE, transition)
        assert shell.ros2("lifecycle", "get", NODE).startswith(state)
    test_topic_echo_hears_every_output(shell, *next(iter(TOPICS.items())))


# ros2 doctor, interface, pkg


def test_doctor_reports_topics_and_nodes(shell: Shell) -> None:
    report = shell.ros2("doctor", "--report")
    assert f"{NODE}/output/obstacle_mask" in report
    _, checked = shell.run("ros2", "doctor")
    assert "checks passed" in checked and "Traceback" not in checked


def test_interface_shows_what_is_published(shell: Shell) -> None:
    for kind in set(TOPICS.values()):
        assert "Header header" in shell.ros2("interface", "show", kind)


def test_pkg_lists_the_executables(shell: Shell) -> None:
    assert "cosme_ros" in shell.ros2("pkg", "list").split()
    share = shell.ros2("pkg", "prefix", "--share", "cosme_ros").strip()
    assert share.endswith("share/cosme_ros")
    listed = shell.ros2("pkg", "executables", "cosme_ros")
    assert "cosme_ros detector_node" in listed and "cosme_ros snapshot" in listed
