# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Compressed input, faults of the score, a road that is not there, silence, large images."""

import json
import shutil

import cv2
import numpy as np
import onnx
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.default_rule import default_rule
from helpers.tiny_bundle import seal, street_frame
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector, ScoreFault
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles

STREET = street_frame(180, 320, box=(140, 120, 40, 30))


def jpeg_of(pixels):
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def score_of(message):
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width)


def test_compressed_input(start, bundle):
    detector, camera = start(
        bundle=bundle, image_transport="compressed", max_image_pixels=STREET[..., 0].size
    )
    camera.listen("score")
    data = jpeg_of(STREET)
    header, (score,) = camera.ask(lambda: camera.jpeg(data), "score")
    assert score.header == header
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    reference = Detector(load_bundle(bundle), provider="cpu")
    assert score_of(score).tobytes() == reference.detect(decoded).score.tobytes()

    padded = data + bytes(5000)
    _, (score,) = camera.ask(lambda: camera.jpeg(padded), "score")
    assert score_of(score).tobytes() == reference.detect(decoded).score.tobytes()

    for broken, reason in (
        (data[: len(data) // 2], "truncated data"),
        (data[: len(data) // 2] + b"\xff\xd9", "damaged data"),
        (b"\xff\xd8 no jpeg \xff\xd9", "damaged data"),
        (jpeg_of(np.zeros((181, 320, 3), np.uint8)), "too many pixels"),
        (b"", "empty image"),
    ):
        keys = []

        def counted(broken=broken, reason=reason, keys=keys):
            keys.append(camera.send(camera.jpeg(broken)))
            camera.spin_for(0.3)
            return camera.count(f"frames failed: {reason}")

        camera.spin_until(counted, reason)
        assert f"/cosme_detector/input/image skipped, {reason}: " in detector.log
        camera.ask(lambda: camera.jpeg(data), "score")
        assert not set(keys) & set(camera.answers["score"])


def test_a_score_fault_publishes_nothing_and_is_an_error(start, bundle, tmp_path):
    faulty = tmp_path / "faulty"
    shutil.copytree(bundle, faulty)
    manifest = json.loads((faulty / "manifest.json").read_text())
    # A graph whose scores are so large that an anomalous one is infinite in float32.
    detector = Detector(load_bundle(bundle), provider="cpu")
    box = float(detector.detect(STREET).raw_score_grid.max())
    quiet = street_frame(180, 320)
    normal = float(detector.detect(quiet).raw_score_grid.max())
    scale = float(np.finfo(np.float32).max) / (normal * box) ** 0.5
    memory = onnx.load(faulty / "memory.onnx")
    (last,) = (node for node in memory.graph.node if "score" in node.output)
    last.output[:] = ["small"]
    # In two steps: their product is no float32.
    factor = onnx.numpy_helper.from_array(np.float32(scale**0.5), "factor")
    memory.graph.initializer.append(factor)
    for before, after in (("small", "larger"), ("larger", "score")):
        memory.graph.node.append(onnx.helper.make_node("Mul", [before, "factor"], [after]))
    onnx.save(memory, faulty / "memory.onnx")
    for number, row in enumerate(manifest["calibration"]["table"], start=1):
        row["raw_score"] = number * 1e30
    seal(faulty, manifest)
    with pytest.raises(ScoreFault):
        Detector(load_bundle(faulty), provider="cpu").detect(STREET)

    process, camera = start(bundle=faulty)
    camera.listen("score", "mask", "overlay")
    camera.ask(lambda: camera.image(quiet), "score")
    keys = []

    def counted():
        keys.append(camera.send(camera.image(STREET)))
        camera.spin_for(0.3)
        return camera.count("frames failed: score fault")

    camera.spin_until(counted, "a score fault")
    camera.spin_until(lambda: camera.status.level == DiagnosticStatus.ERROR, "an error")
    assert "score fault" in camera.status.message
    assert "skipped, score fault: " in process.log
    camera.ask(lambda: camera.image(quiet), "score", "mask", "overlay")
    for output in ("score", "mask", "overlay"):
        assert not set(keys) & set(camera.answers[output])


def test_what_others_wrote_reaches_the_log_as_plain_text(start, bundle):
    """An encoding that would clear the terminal, set its title and forge a line."""
    detector, camera = start(bundle=bundle)
    camera.next_status()

    def counted():
        broken = camera.image(STREET)
        broken.encoding = "\x1b[2J\x1b]0;title\x07\n[ERROR] [cosme_detector]: forged"
        camera.send(broken)
        camera.spin_for(0.3)
        return camera.count(topics.FRAMES_FAILED)

    camera.spin_until(counted, "a frame that failed")
    camera.spin_until(lambda: "skipped" in detector.log, "a line in the log")
    line = next(line for line in detector.log.splitlines() if "skipped" in line)
    assert r"\x1b[2J\x1b]0;title\x07\n[ERROR] [cosme_detector]: forged" in line
    assert "\x1b" not in detector.log and "\x07" not in detector.log


def test_a_road_that_is_not_there_withholds_the_mask(start, bundle):
    _, camera = start(bundle=bundle, region="drivable")
    camera.listen("score", "mask")
    _, (mask,) = camera.ask(lambda: camera.image(STREET), "mask")
    loaded = load_bundle(bundle)
    detection = Detector(loaded, provider="cpu").detect(STREET)
    expected = decide_obstacles(
        detection,
        STREET,
        default_rule(loaded, region="drivable"),
    ).mask
    assert expected.any()
    np.testing.assert_array_equal(
        np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.width), expected
    )

    sky = np.full_like(STREET, (230, 100, 20))
    header, _ = camera.ask(lambda: camera.image(sky), "score")
    camera.next_status()
    assert camera.status.level == DiagnosticStatus.WARN
    assert "no drivable area" in camera.status.message
    assert camera.count("masks withheld (no drivable area)") > 0
    assert (header.stamp.sec, header.stamp.nanosec) not in camera.answers["mask"]
    camera.ask(lambda: camera.image(STREET), "mask")


def stale_because(camera, words):
    return lambda: (
        camera.status
        and camera.status.level == DiagnosticStatus.STALE
        and words in camera.status.message
    )


def test_silence_is_stale_and_says_what_may_be_the_cause(start, bundle):
    _, camera = start(bundle=bundle)
    camera.spin_until(stale_because(camera, "has a publisher but nothing arrives"), "silence")
    camera.node.destroy_publisher(camera.publisher)
    camera.spin_until(
        stale_because(camera, "nobody publishes /cosme_detector/input/image"), "nobody"
    )


def test_a_quality_of_service_that_cannot_match_is_named(start, bundle):
    reliability = "qos_overrides./cosme_detector/input/image.subscription.reliability"
    detector, camera = start(bundle=bundle, **{reliability: "reliable"})
    camera.node.destroy_publisher(camera.publisher)
    camera.publisher = camera.node.create_publisher(
        Image,
        topics.resolve(topics.INPUT_IMAGE),
        QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
    )
    camera.spin_until(stale_because(camera, "a publisher's reliability is less than"), "a hint")
    assert "a publisher's reliability is less than" in detector.log


def test_images_of_the_other_type_are_named(start, bundle):
    _, camera = start(bundle=bundle, camera_transport="compressed")
    camera.spin_until(stale_because(camera, "see the parameter image_transport"), "a hint")
    assert "sensor_msgs/msg/CompressedImage" in camera.status.message


@pytest.mark.parametrize("reliable", [True, False])
def test_a_score_of_eight_megabytes_arrives(start, bundle, reliable):
    _, camera = start(bundle=bundle, image_transport="compressed")
    camera.listen("score", reliable=reliable)
    data = jpeg_of(street_frame(1024, 2048))
    for _ in range(3):  # without the profile not one comes
        _, (score,) = camera.ask(lambda: camera.jpeg(data), "score")
        assert len(score.data) == 1024 * 2048 * 4
