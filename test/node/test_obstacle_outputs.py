# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as markers and detections, over real DDS."""

import cv2
import numpy as np
import pytest
from helpers.default_rule import default_rule
from helpers.detector_process import OUTPUTS, key_of
from helpers.tiny_bundle import street_frame
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import Marker

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles
from cosme_ros.postprocessing.obstacles import outlines

HEIGHT, WIDTH = 180, 320
STREET = street_frame(HEIGHT, WIDTH, box=(140, 120, 40, 30))
SKY = np.full_like(STREET, (230, 100, 20))
P = [300.0, 0.0, 160.0, 0.0, 0.0, 310.0, 90.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def expected(bundle):
    detector = Detector(load_bundle(bundle), provider="cpu")
    decision = decide_obstacles(detector.detect(STREET), STREET, default_rule(detector.bundle))
    assert decision.obstacles, "the box should be an obstacle, or there is nothing to publish"
    return decision.obstacles, outlines(decision.mask, decision.obstacles)


@pytest.fixture(scope="module")
def running(start, bundle):
    detector, camera = start(bundle=bundle)
    camera.listen("markers")
    camera.ask(lambda: camera.image(STREET), "markers")
    return detector, camera


def outline_in_pixels(markers, fx, fy, cx, cy):
    (line,) = [m for m in markers if m.type == Marker.LINE_STRIP and m.action == Marker.ADD]
    points = np.array([(p.x, p.y, p.z) for p in line.points])
    assert (points[:, 2] == 1.0).all()
    return points[:, :2] * [fx, fy] + [cx, cy]


def test_without_camera_info_the_markers_are_guesses_and_say_so(running, expected):
    detector, camera = running
    header, (message,) = camera.ask(lambda: camera.image(STREET), "markers")
    obstacles, (line,) = expected
    assert message.markers[0].action == Marker.DELETEALL
    assert all(marker.header == header for marker in message.markers)
    seen = outline_in_pixels(message.markers, WIDTH, WIDTH, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    np.testing.assert_allclose(seen[:-1], line, atol=1e-6)
    (text,) = [m.text for m in message.markers if m.type == Marker.TEXT_VIEW_FACING]
    assert text.splitlines()[0] == f"{obstacles[0].peak_score:.1f}"
    assert text.splitlines()[1].startswith("as ")
    assert all(m.ns.endswith("(uncalibrated)") for m in message.markers[1:])
    assert detector.log.count("nothing came on /cosme_detector/input/camera_info") == 1


def test_camera_info_places_the_markers(running, expected):
    _, camera = running
    _, (line,) = expected

    def calibrated():
        header, (message,) = camera.ask(with_info, "markers")
        return None if message.markers[1].ns.endswith("(uncalibrated)") else (header, message)

    def with_info():
        image = camera.image(STREET)
        camera.info_publisher.publish(
            CameraInfo(header=image.header, height=HEIGHT, width=WIDTH, p=P)
        )
        return image

    header, message = camera.spin_until(calibrated, "markers by camera_info")
    seen = outline_in_pixels(message.markers, P[0], P[5], P[2], P[6])
    np.testing.assert_allclose(seen[:-1], line, atol=1e-6)
    assert all(marker.header == header for marker in message.markers)


def test_a_withheld_mask_has_no_markers(start, bundle):
    _, camera = start(bundle=bundle, region="drivable")
    camera.listen("markers", "score")
    camera.ask(lambda: camera.image(STREET), "markers", "score")
    withheld, _ = camera.ask(lambda: camera.image(SKY), "score")
    camera.ask(lambda: camera.image(STREET), "markers", "score")
    assert key_of(withheld) not in camera.answers["markers"]


def test_what_is_under_the_static_mask_is_no_obstacle_and_not_called_clear(start, bundle, tmp_path):
    """One box is under the mask, and one beside it."""
    picture = STREET.copy()
    picture[120:150, 240:280] = STREET[120:150, 140:180]
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:, 220:] = 0
    file = tmp_path / "mask.png"
    assert cv2.imwrite(str(file), mask)
    detector, camera = start(bundle=bundle, static_mask=str(file))
    camera.listen("markers", "mask", "score", "overlay")
    _, (markers, published, score, overlay) = camera.ask(
        lambda: camera.image(picture), "markers", "mask", "score", "overlay"
    )
    lines = [m for m in markers.markers if m.type == Marker.LINE_STRIP and m.action == Marker.ADD]
    assert len(lines) == 1
    seen = np.frombuffer(published.data, np.uint8).reshape(HEIGHT, WIDTH)
    assert seen[120:150, 140:180].any() and not seen[:, 220:].any()
    scores = np.frombuffer(score.data, "<f4").reshape(HEIGHT, WIDTH)
    assert (scores[120:150, 240:280] >= 1.0).any(), "scores stay as they are"
    drawn = np.frombuffer(overlay.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert (drawn[130:, 220:].max(axis=2) == drawn[130:, 220:].min(axis=2)).all()
    camera.spin_until(
        lambda: camera.value(topics.NOT_LOOKED_AT) == "0.3125",
        "diagnostics with the share",
    )
    assert detector.log.count("31.2% of the image is not looked at") == 1


def test_markers_need_no_other_listener_and_detections_are_offered_where_they_can_be(running):
    _, camera = running
    assert set(camera.answers) == {"markers"}
    topic = topics.resolve(topics.OUTPUT_DETECTIONS)
    assert bool(camera.node.count_publishers(topic)) == ("detections" in OUTPUTS)


def test_detections_are_the_obstacles_boxes(start, bundle, expected):
    pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    _, camera = start(bundle=bundle)
    camera.listen("detections")
    header, (message,) = camera.ask(lambda: camera.image(STREET), "detections")
    (obstacle,), _ = expected
    (detection,) = message.detections
    assert message.header == detection.header == header
    assert (detection.bbox.size_x, detection.bbox.size_y) == (obstacle.width, obstacle.height)
    assert detection.bbox.center.position.x == obstacle.x + (obstacle.width - 1) / 2
    assert detection.bbox.center.position.y == obstacle.y + (obstacle.height - 1) / 2
    (result,) = detection.results
    assert result.hypothesis.class_id == "anomaly"
    assert 0.5 <= result.hypothesis.score < 1
