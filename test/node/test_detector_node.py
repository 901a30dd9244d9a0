# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the node publishes, for good frames and bad ones."""

import array

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.default_rule import default_rule
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles
from cosme_ros.visualization.overlay import draw_overlay

STREET = street_frame(180, 320, box=(140, 120, 40, 30))


@pytest.fixture(scope="module")
def running(start, bundle):
    detector, camera = start(bundle=bundle)
    camera.listen("score", "mask", "overlay")
    camera.ask(lambda: camera.image(STREET), "score", "mask", "overlay")
    return detector, camera


@pytest.fixture(scope="module")
def reference(bundle):
    return Detector(load_bundle(bundle), provider="cpu")


def as_array(message):
    dtype, channels = {"32FC1": ("<f4", 1), "mono8": ("u1", 1), "bgr8": ("u1", 3)}[message.encoding]
    values = np.frombuffer(message.data, dtype)
    assert message.step == message.width * channels * values.itemsize
    shape = (message.height, message.width) + ((3,) if channels == 3 else ())
    return values.reshape(shape)


def test_outputs_are_the_detectors_to_the_bit(running, reference):
    _, camera = running
    _, (score, mask, overlay) = camera.ask(lambda: camera.image(STREET), "score", "mask", "overlay")
    expected = reference.detect(STREET)
    decision = decide_obstacles(expected, STREET, default_rule(reference.bundle))
    expected_mask, obstacles = decision.mask, decision.obstacles
    assert obstacles, "the box should be an obstacle, or the mask shows nothing"
    assert [m.encoding for m in (score, mask, overlay)] == ["32FC1", "mono8", "bgr8"]
    assert as_array(score).tobytes() == expected.score.tobytes()
    np.testing.assert_array_equal(as_array(mask), expected_mask)
    shown = as_array(overlay)
    drawn = draw_overlay(
        STREET,
        expected.score,
        obstacles,
        mask=expected_mask,
        frame_rate=0.0,
        provider=reference.provider,
    )
    # The status in the upper left corner differs by the frame rate, which nobody can foresee.
    free = np.ones(shown.shape[:2], bool)
    free[: shown.shape[0] // 3, : shown.shape[1] // 2] = False
    np.testing.assert_array_equal(shown[free], drawn[free])


def test_headers_are_the_inputs(running):
    _, camera = running
    header, outputs = camera.ask(lambda: camera.image(STREET), "score", "mask", "overlay")
    assert header.frame_id == "test_camera_optical"
    assert [output.header for output in outputs] == [header] * 3


def test_padded_rgb_is_the_same_picture(running, reference):
    _, camera = running

    def padded():
        message = camera.image(np.ascontiguousarray(STREET[:, :, ::-1]))
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, -1)
        message.encoding = "rgb8"
        message.step += 7
        message.data = array.array("B", np.pad(rows, ((0, 0), (0, 7))).tobytes())
        return message

    _, (score,) = camera.ask(padded, "score")
    assert as_array(score).tobytes() == reference.detect(STREET).score.tobytes()


def wrong_encoding(message):
    message.encoding = "cmyk99"


def truncated(message):
    message.data = message.data[:-10]


def too_long(message):
    message.data = message.data + array.array("B", bytes(10))


def wrong_step(message):
    message.step -= 1


def too_wide(message):
    message.width += 1


def too_high(message):
    message.height += 1


def empty(message):
    message.height = message.width = message.step = 0
    message.data = array.array("B")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (wrong_encoding, "unsupported encoding"),
        (truncated, "truncated data"),
        (too_long, "too much data"),
        (wrong_step, "wrong step"),
        (too_wide, "wrong step"),
        (too_high, "truncated data"),
        (empty, "empty image"),
    ],
)
def test_a_broken_frame_is_skipped_counted_and_said(running, damage, reason):
    detector, camera = running
    key = f"frames failed: {reason}"
    before = camera.count(key)
    broken_keys = []

    def counted():
        if camera.count(key) > before:
            return True
        message = camera.image(STREET)
        damage(message)
        broken_keys.append(camera.send(message))
        camera.spin_for(0.3)
        return False

    camera.spin_until(counted, f"a count of {key}")
    assert camera.status.level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
    assert reason in camera.status.message
    assert f"/cosme_detector/input/image skipped, {reason}: " in detector.log
    camera.ask(lambda: camera.image(STREET), "score", "mask", "overlay")
    for output in ("score", "mask", "overlay"):
        assert not set(broken_keys) & set(camera.answers[output])


def test_every_frame_is_accounted_for_and_the_newest_wins(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("score", "mask", "overlay")
    large = street_frame(1440, 2560)
    camera.ask(lambda: camera.image(large), "score")

    def flood() -> bool:
        # All of them large: the node is at each for longer than it takes until the next one comes.
        messages = [camera.image(large) for _ in range(12)]
        messages[7].encoding = "cmyk99"
        for message in messages:
            camera.send(message)
            camera.spin_for(0.005)
        # Until one is answered: best effort may lose any, the last one too.
        camera.ask(lambda: camera.image(STREET), "score")
        camera.next_status()
        return camera.count("frames dropped (a newer one came)") > 0

    # A machine may be quick or slow at the wrong moment; one that never drops, queues.
    assert any(flood() for _ in range(10))
    received = camera.count("frames received")
    failed = camera.count("frames failed")
    dropped = camera.count("frames dropped (a newer one came)")
    assert camera.count("frames processed") + dropped + failed == received
    assert camera.order["score"] == sorted(set(camera.order["score"]))


def test_outputs_come_to_late_and_to_best_effort_listeners(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("mask", reliable=False)
    camera.ask(lambda: camera.image(STREET), "mask")
    camera.listen("overlay", reliable=False)
    camera.ask(lambda: camera.image(STREET), "overlay")


def test_the_score_can_be_as_small_as_the_networks_make_it(running, reference):
    _, camera = running
    assert camera.set_parameter("score_resolution", "network") == (True, "")
    try:
        header, (score, mask) = camera.ask(lambda: camera.image(STREET), "score", "mask")
    finally:
        assert camera.set_parameter("score_resolution", "camera") == (True, "")
    expected = reference.detect(STREET)
    assert as_array(score).tobytes() == expected.score_grid.tobytes()
    assert as_array(score).shape == expected.score_grid.shape
    assert (mask.height, mask.width) == STREET.shape[:2]
    assert score.header == header
