# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Transitions through the real services, parameters, and how a process ends."""

import json
import shutil
import signal
import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.detector_process import REPOSITORY
from helpers.publication_times import PublicationTimes
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.writing import write_manifest
from cosme_ros.node.arrival import gives_message_info

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
SILENCE = 1.0  # seconds in which an answer would have come many times over


def unanswered(camera, output):
    """Send frames that must not be answered; what came although."""
    keys = []
    for _ in range(5):
        keys.append(camera.send(camera.image(STREET)))
        camera.spin_for(SILENCE / 5)
    return set(keys) & set(camera.answers[output])


def is_in_error(camera):
    return lambda: camera.status and camera.status.level == DiagnosticStatus.ERROR


def test_a_node_works_only_while_active(start, bundle):
    detector, camera = start(bundle=bundle, autostart=False)
    camera.listen("score")
    assert camera.state() == "unconfigured"
    assert not unanswered(camera, "score")
    assert camera.next_status().level == DiagnosticStatus.WARN
    assert camera.value("state") == "unconfigured"

    assert camera.transition("configure")
    assert camera.state() == "inactive"
    assert not unanswered(camera, "score")
    assert camera.transition("cleanup")
    assert camera.state() == "unconfigured"
    assert camera.transition("configure")

    assert camera.transition("activate")
    camera.ask(lambda: camera.image(STREET), "score")
    camera.next_status()
    assert camera.value("state") == "active"
    assert camera.value("provider") == "cpu"

    assert camera.transition("deactivate")
    before = len(camera.order["score"])
    assert not unanswered(camera, "score")
    assert len(camera.order["score"]) == before
    camera.next_status()
    assert camera.value("state") == "inactive"

    assert camera.transition("activate")
    header, _ = camera.ask(lambda: camera.image(STREET), "score")
    stamps = camera.order["score"]
    assert stamps == sorted(stamps)
    assert stamps[-1] == (header.stamp.sec, header.stamp.nanosec)

    assert camera.transition("shutdown")
    assert camera.state() == "finalized"
    assert not unanswered(camera, "score")
    assert detector.stop() == 0
    assert "Traceback" not in detector.log


@pytest.mark.skipif(not gives_message_info(), reason="rclpy does not give source timestamps")
def test_nothing_follows_a_deactivation(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("score", "overlay")
    large = street_frame(720, 1280)
    camera.ask(lambda: camera.image(large), "score", "overlay")
    times = PublicationTimes([camera], "score", "overlay")
    times.begin()
    for _ in range(10):
        for label, state in (("deactivate", "inactive"), ("activate", "active")):
            for _ in range(3):  # work for longer than the transition takes to arrive
                camera.send(camera.image(large))
            assert camera.transition(label)
            times.wait_for(state)
    camera.ask(lambda: camera.image(large), "score", "overlay")
    times.wait_for_output_in("active")
    assert not times.outputs_in("inactive")


def test_a_damaged_bundle_is_refused_and_a_mended_one_taken(start, bundle, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle, damaged)
    graph = damaged / "student.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1])
    detector, camera = start(bundle=damaged)
    camera.spin_until(is_in_error(camera), "the refusal")
    assert str(graph) in camera.status.message
    assert camera.state() == "unconfigured"
    (line,) = [line for line in detector.log.splitlines() if "ERROR" in line]
    assert f"cannot configure: {graph} is damaged" in line
    assert "Traceback" not in detector.log

    assert not camera.transition("configure")
    graph.write_bytes(whole)
    assert camera.transition("configure")
    assert camera.transition("activate")
    camera.listen("score")
    camera.ask(lambda: camera.image(STREET), "score")
    assert detector.stop() == 0


def test_wrong_configuration_is_one_clear_line_each(start, bundle, tmp_path):
    roadless = tmp_path / "roadless"
    shutil.copytree(bundle, roadless)
    manifest = json.loads((roadless / "manifest.json").read_text())
    for entry in manifest["classes"]:
        entry["drivable"] = False
    write_manifest(roadless, manifest)
    right = {
        "bundle": str(bundle), "region": "everything", "provider": "cpu", "bundle_digest": "",
    }  # fmt: skip
    detector, camera = start(autostart=False)

    for wrong, sentence in (
        ({"bundle": ""}, "parameter 'bundle' is empty"),
        ({"bundle": "/nowhere/at/all"}, "/nowhere/at/all does not exist"),
        ({"bundle_digest": "0" * 64}, f"{bundle} is not the expected bundle"),
        ({"bundle_digest": "0" * 63}, "parameter 'bundle_digest' is '000"),
        ({"provider": "tensorrt"}, "tensorrt"),
        ({"false_positive_rate": 1e-7}, "false_positive_rate is 1e-07"),
        ({"bundle": str(roadless), "region": "drivable"}, "has no drivable class"),
    ):
        for name, value in {**right, "false_positive_rate": 0.001, **wrong}.items():
            assert camera.set_parameter(name, value) == (True, "")
        said = detector.log.count("cannot configure")
        assert not camera.transition("configure")
        assert camera.next_status().level == DiagnosticStatus.ERROR
        assert sentence in camera.status.message
        assert detector.log.count("cannot configure") == said + 1
        assert sentence in detector.log
    assert "Traceback" not in detector.log

    for name, value in {**right, "false_positive_rate": 0.001}.items():
        assert camera.set_parameter(name, value) == (True, "")
    assert camera.transition("configure")
    assert camera.next_status().level == DiagnosticStatus.WARN


def test_a_wrong_choice_on_the_command_line_is_refused_at_configure(start, bundle):
    detector, camera = start(bundle=bundle, region="moon")
    camera.spin_until(is_in_error(camera), "the refusal")
    sentence = "parameter 'region' is 'moon', but must be one of: everything, drivable"
    assert sentence in camera.status.message
    assert f"cannot configure: {sentence}" in detector.log


def test_a_quality_of_service_that_is_none_is_refused_at_configure(start, bundle):
    override = "qos_overrides./cosme_detector/output/obstacle_mask.publisher.reliability"
    detector, camera = start(bundle=bundle, **{override: "perfect"})
    camera.spin_until(is_in_error(camera), "the refusal")
    assert "perfect" in camera.status.message
    assert camera.state() == "unconfigured"
    # What had been made before the refusal is gone.
    assert not camera.node.count_publishers("/cosme_detector/output/anomaly_score")
    assert detector.stop() == 0


@pytest.mark.parametrize("wrong", [{"false_positive_rate": 1}, {"threads": -4}])
def test_parameters_that_cannot_be_declared_end_the_process(start, wrong, bundle):
    detector, _ = start(bundle=bundle, **wrong)
    assert detector.wait() == 2
    (line,) = detector.log.strip().splitlines()
    assert "FATAL" in line
    assert next(iter(wrong)) in line


def test_parameters_while_active(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("score", "mask")
    camera.ask(lambda: camera.image(STREET), "score", "mask")
    for name, value, words in (
        ("provider", "auto", "while the node is unconfigured"),
        ("bundle", "/elsewhere", "while the node is unconfigured"),
        ("region", "moon", "everything, drivable"),
        ("minimum_area", -1, "minimum_area"),
        ("false_positive_rate", 0.0000001, "calibrated for rates from"),
        ("autostart", False, "read-only"),
    ):
        accepted, reason = camera.set_parameter(name, value)
        assert not accepted, name
        assert words in reason

    threshold = float(camera.value("alarm threshold (raw score)"))
    assert camera.set_parameter("false_positive_rate", 0.1) == (True, "")
    camera.next_status()
    assert camera.value("false positive rate") == "0.1"
    assert float(camera.value("alarm threshold (raw score)")) < threshold

    assert any(camera.ask(lambda: camera.image(STREET), "mask")[1][0].data)
    assert camera.set_parameter("minimum_area", 90 * 160) == (True, "")
    assert not any(camera.ask(lambda: camera.image(STREET), "mask")[1][0].data)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_busy_process_well(start, bundle, number):
    detector, camera = start(bundle=bundle)
    camera.listen("score", "overlay")
    large = street_frame(720, 1280)
    camera.ask(lambda: camera.image(large), "score", "overlay")
    for _ in range(5):
        camera.send(camera.image(large))
    assert detector.stop(number) == 0
    assert "Traceback" not in detector.log
    assert "ERROR" not in detector.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_process_that_configures_well(start, number):
    """The demo's bundle takes some tenths of a second, so that the signal comes in the middle."""
    detector, _ = start(bundle=REPOSITORY / "demo" / "bundle")
    while "loading" not in detector.log:
        assert detector.process.poll() is None
        time.sleep(0.01)
    assert detector.stop(number) == 0
    assert "Traceback" not in detector.log
    assert "ERROR" not in detector.log
