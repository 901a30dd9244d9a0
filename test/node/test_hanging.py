# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A graph that hangs on one frame: never OK, every transition answers or the process ends."""

import signal
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.faulty_bundle import MAGIC, write_failing_bundle, write_hanging_bundle
from helpers.tiny_bundle import street_frame
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from cosme_ros import topics
from cosme_ros.node.supervisor import HANGING
from cosme_ros.streaming.diagnostics import PENDING_KEY

STREET = street_frame(90, 160)
POISON = np.full((90, 160, 3), MAGIC, np.uint8)
LIMITS = {"stall_warning": 1.0, "stall_error": 2.0}
PERIOD = 0.2
LONGEST_END = 5.0  # seconds; launch sends SIGKILL then


@pytest.fixture(scope="module")
def hanging(tmp_path_factory):
    return write_hanging_bundle(tmp_path_factory.mktemp("bundles") / "hanging")


def hang(*cameras):
    """Let the first camera's frame hang; all of them then send on, as cameras do."""
    for camera in cameras:
        camera.listen("score")
        camera.ask(lambda camera=camera: camera.image(STREET), "score")
    first = cameras[0]

    def hangs():
        first.send(first.image(POISON))
        send_on(*cameras)
        return all(float(camera.value(PENDING_KEY) or 0.0) > 0.5 for camera in cameras)

    first.spin_until(hangs, "a frame that hangs")


def send_on(*cameras):
    for camera in cameras:
        camera.send(camera.image(STREET))
        camera.spin_for(0.05)


@pytest.mark.parametrize("overlap", ["never", "always"])
def test_every_camera_is_in_error_soon_after_the_limit(start, hanging, overlap, capsys):
    _, front, rear = start(
        bundle=hanging,
        cameras="front,rear",
        overlap=overlap,
        diagnostics_period=PERIOD,
        **LIMITS,
    )
    hang(front, rear)
    first_error, messages, levels = {}, {}, []

    def all_in_error():
        for camera in (front, rear):
            camera.status = None
        send_on(front, rear)
        for camera in (front, rear):
            if camera.status is None:
                continue
            pending = float(camera.value(PENDING_KEY))
            level = camera.status.level
            levels.append((pending, level))
            if level == DiagnosticStatus.ERROR:
                first_error.setdefault(camera.name, pending)
                messages[camera.name] = camera.status.message
        return len(first_error) == 2

    front.spin_until(all_in_error, "an error of both cameras")
    for pending, level in levels:
        if pending > LIMITS["stall_warning"]:
            assert level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
        if pending > LIMITS["stall_error"]:
            assert level == DiagnosticStatus.ERROR
    # The first status after the limit has it; a slow machine may be late with that.
    for pending in first_error.values():
        assert LIMITS["stall_error"] < pending <= LIMITS["stall_error"] + PERIOD + 1.0
    with capsys.disabled():
        print(f"\noverlap {overlap}: pending at the first error {first_error}")
    for message in messages.values():
        assert "pending for" in message and "without a result" in message


def test_a_node_that_hangs_ends_by_itself_after_the_limit(start, hanging, capsys):
    """Of two cameras one sends the frame that hangs, and both send on."""
    limits = {**LIMITS, "stall_exit": 4.0}
    detector, *cameras = start(
        bundle=hanging, cameras="front,rear", overlap="always", diagnostics_period=PERIOD, **limits
    )
    hang(*cameras)
    seen = 0.0

    def has_ended():
        nonlocal seen
        send_on(*cameras)
        seen = max(seen, *(float(camera.value(PENDING_KEY) or 0.0) for camera in cameras))
        return detector.process.poll() is not None

    cameras[0].spin_until(has_ended, "the end")
    assert detector.wait() == HANGING
    # Looked at every second, and found twice; a slow machine may be late with that.
    assert 4.0 <= seen <= 4.0 + 2.0 + 2.0
    with capsys.disabled():
        print(f"\nended after {seen:.1f} s without a result")
    line = detector.log.strip().splitlines()[-1]
    assert f"the process ends with status {HANGING}: frames have been pending for" in line


def test_a_first_frame_that_hangs_is_an_error_and_no_reason_to_start_again(start, hanging):
    detector, camera = start(bundle=hanging, **LIMITS, stall_exit=2.0)
    camera.listen("score")

    def pending():
        camera.send(camera.image(POISON))
        camera.spin_for(0.1)
        return float(camera.value(PENDING_KEY) or 0.0)

    camera.spin_until(lambda: pending() > 6.0, "three times the limit")
    assert detector.process.poll() is None
    assert camera.status.level == DiagnosticStatus.ERROR
    assert detector.stop(signal.SIGTERM) == HANGING


def test_a_device_that_is_lost_ends_the_process(start, tmp_path):
    """Every frame fails in the networks from one moment on: an error, no output, and the end."""
    bundle = write_failing_bundle(tmp_path / "failing")
    limits = {"stall_warning": 0.5, "stall_error": 1.0, "stall_exit": 3.0}
    detector, camera = start(bundle=bundle, diagnostics_period=PERIOD, **limits)
    camera.listen("score")
    camera.ask(lambda: camera.image(STREET), "score")
    camera.answers["score"].clear()
    levels = []

    def has_ended():
        camera.send(camera.image(POISON))
        camera.spin_for(0.05)
        if camera.status is not None and camera.count(topics.FRAMES_FAILED):
            levels.append(camera.status.level)
        return detector.process.poll() is not None

    camera.spin_until(has_ended, "the end")
    assert detector.wait() == HANGING
    assert not camera.answers["score"]
    assert DiagnosticStatus.OK not in levels and levels
    assert "every frame has failed for" in detector.log.strip().splitlines()[-1]


def test_broken_frames_are_no_reason_to_start_again(start, hanging):
    detector, camera = start(bundle=hanging, **LIMITS, stall_exit=2.0)
    camera.listen("score")
    camera.ask(lambda: camera.image(STREET), "score")
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        broken = camera.image(STREET)
        broken.step = 1
        camera.send(broken)
        camera.spin_for(0.05)
    assert detector.process.poll() is None
    camera.ask(lambda: camera.image(STREET), "score")


def test_a_deactivation_that_cannot_be_ends_the_process(start, hanging):
    detector, camera = start(bundle=hanging, **LIMITS)
    hang(camera)
    client = camera.node.create_client(ChangeState, "/cosme_detector/change_state")
    camera.spin_until(client.service_is_ready, "the service")
    client.call_async(ChangeState.Request(transition=Transition(label="deactivate")))
    camera.spin_until(lambda: detector.process.poll() is not None, "the end")
    assert detector.wait() == HANGING
    assert f"the process ends with status {HANGING}: the frame under way does not" in detector.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_process_that_hangs(start, hanging, number):
    detector, camera = start(bundle=hanging, **LIMITS)
    hang(camera)
    began = time.monotonic()
    assert detector.stop(number) == HANGING
    assert time.monotonic() - began <= LONGEST_END
    assert f"the process ends with status {HANGING}" in detector.log


def test_a_configuration_that_hangs_is_not_mute_and_can_be_ended(start, tmp_path):
    detector, camera = start(bundle=write_hanging_bundle(tmp_path / "at_once", at_once=True))

    def waits_for(seconds):
        def age():
            if camera.status is None or not camera.status.message.startswith("configuring for "):
                return False
            assert camera.status.level == DiagnosticStatus.WARN
            return float(camera.status.message.split()[2]) > seconds

        return age

    camera.spin_until(waits_for(0.5), "diagnostics of a configuration")
    assert camera.value("state") == "configuring"
    camera.spin_until(waits_for(2.0), "later ones")
    began = time.monotonic()
    assert detector.stop(signal.SIGTERM) == HANGING
    assert time.monotonic() - began <= LONGEST_END
