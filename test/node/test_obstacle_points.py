# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles on the road: what the running node publishes, heard over real DDS.

Listeners are those of nav2: best effort, with the sensor data profile, and the cloud read by its
fields.
"""

import numpy as np
import pytest
from helpers.default_rule import default_rule
from helpers.detector_process import Camera, key_of
from helpers.tiny_bundle import street_frame
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import Marker

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.geometry.ground_source import GroundSource, pose_of_settings
from cosme_ros.geometry.obstacle_position import locate_obstacles
from cosme_ros.inference.detector import Detector
from cosme_ros.obstacle_messages.points import POINT
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles
from cosme_ros.postprocessing.obstacles import contours

HEIGHT, WIDTH = 180, 320
STREET = street_frame(HEIGHT, WIDTH, box=(140, 120, 40, 30))
EMPTY = street_frame(HEIGHT, WIDTH)
K = [300.0, 0.0, 160.0, 0.0, 300.0, 90.0, 0.0, 0.0, 1.0]
D = [-0.1, 0.02, 0.0, 0.0, 0.0]
POSE = {"camera_height": 1.2, "camera_pitch": 0.05, "camera_x": 0.5, "vehicle_frame": "car"}


@pytest.fixture(scope="module")
def running(start, bundle):
    detector, camera = start(bundle=bundle, **POSE)
    camera.listen("points", reliable=False)
    camera.listen("markers", "score")
    camera.ask(lambda: camera.image(STREET), "score")
    return detector, camera


def calibrated(camera: Camera):
    """Send a frame with camera_info until its points come."""

    def with_info():
        image = camera.image(STREET)
        camera.info_publisher.publish(
            CameraInfo(
                header=image.header,
                height=HEIGHT,
                width=WIDTH,
                k=K,
                d=D,
                distortion_model="plumb_bob",
            )
        )
        return image

    def points():
        header, answers = camera.ask(with_info, "score", "markers")
        camera.spin_for(0.2)
        cloud = camera.answers["points"].get(key_of(header))
        return None if cloud is None else (header, cloud, answers[1])

    return camera.spin_until(points, "points by camera_info")


def test_without_camera_info_no_points_are_published_and_diagnostics_warn(running):
    detector, camera = running
    camera.ask(lambda: camera.image(STREET), "score")
    warned = camera.spin_until(
        lambda: (value := camera.value(topics.POSITIONS)) and "unknown" in value and value,
        "a warning about positions",
    )
    assert "nothing came on /cosme_detector/input/camera_info" in warned
    assert not camera.answers["points"]
    assert "obstacles get no place on the road" in detector.log


def test_points_are_the_obstacles_foot_lines_in_the_vehicles_frame(running, bundle):
    _, camera = running
    header, cloud, markers = calibrated(camera)
    detector = Detector(load_bundle(bundle), provider="cpu")
    decision = decide_obstacles(detector.detect(STREET), STREET, default_rule(detector.bundle))
    settings = Settings(**POSE)
    info = CameraInfo(height=HEIGHT, width=WIDTH, k=K, d=D, distortion_model="plumb_bob")
    ground = GroundSource().geometry(settings, pose_of_settings(settings), info, HEIGHT, WIDTH)
    (place,) = locate_obstacles(contours(decision.mask, decision.obstacles), ground)
    assert (cloud.header.stamp, cloud.header.frame_id) == (header.stamp, "car")
    points = np.frombuffer(bytes(cloud.data), POINT)
    assert (cloud.width, cloud.height) == (len(points), 1)
    assert [field.name for field in cloud.fields] == list(POINT.names)
    np.testing.assert_allclose(points["x"], place.foot_line[:, 0], rtol=1e-6)
    np.testing.assert_allclose(points["y"], place.foot_line[:, 1], rtol=1e-6)
    np.testing.assert_allclose(points["z"], settings.point_height)
    np.testing.assert_allclose(points["score"], decision.obstacles[0].peak_score, rtol=1e-6)
    np.testing.assert_allclose(points["range_sigma"], place.range_sigma, rtol=1e-6)
    assert set(points["id"]) == {0}
    # Its outline is at the same distance, in the camera's frame.
    (line,) = [m for m in markers.markers if m.type == Marker.LINE_STRIP and m.points]
    assert line.header == header
    np.testing.assert_allclose([point.z for point in line.points], place.depth)


def test_a_clear_road_is_a_cloud_without_points(running):
    _, camera = running
    calibrated(camera)
    header, _ = camera.ask(lambda: camera.image(EMPTY), "score")
    cloud = camera.spin_until(
        lambda: camera.answers["points"].get(key_of(header)), "a cloud of a clear road"
    )
    assert (cloud.width, len(cloud.data)) == (0, 0)
    camera.spin_until(lambda: camera.value(topics.POSITIONS) == "known", "positions known")


def test_who_listens_for_points_without_a_pose_is_warned(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("points", "score")
    camera.ask(lambda: camera.image(STREET), "score")
    camera.spin_until(
        lambda: "camera_height" in (camera.value(topics.POSITIONS) or ""), "a warning"
    )
    assert not camera.answers["points"]


def test_tf_that_is_not_installed_is_refused_at_configure(start, bundle):
    try:
        import tf2_ros  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("tf2_ros is installed")
    _, camera = start(bundle=bundle, camera_pose="tf")
    camera.spin_until(
        lambda: "tf2_ros is not installed" in (camera.value(topics.REFUSAL) or ""), "a refusal"
    )


def test_the_pose_comes_from_the_real_tf2(start, bundle):
    """A static transform from the vehicle to a mast, and a sent one from there to the camera."""
    tf2_ros = pytest.importorskip("tf2_ros")
    from geometry_msgs.msg import TransformStamped

    def transform(parent, child, translation, rotation):
        message = TransformStamped(child_frame_id=child)
        message.header.frame_id = parent
        message.header.stamp = camera.header().stamp
        t, q = message.transform.translation, message.transform.rotation
        t.x, t.y, t.z = translation
        q.x, q.y, q.z, q.w = rotation
        return message

    _, camera = start(bundle=bundle, camera_pose="tf", vehicle_frame="car")
    camera.listen("points", reliable=False)
    camera.listen("markers", "score")

    def sent():
        camera.info_publisher.publish(
            CameraInfo(
                header=camera.header(), height=HEIGHT, width=WIDTH, k=K, d=D,
                distortion_model="plumb_bob",
            )
        )  # fmt: skip
        return camera.image(STREET)

    camera.ask(sent, "score")
    camera.spin_until(
        lambda: (
            "tf2 has no pose of 'test_camera_optical'" in (camera.value(topics.POSITIONS) or "")
        ),
        "a warning that there is no pose",
    )
    assert not camera.answers["points"]
    pitch = POSE["camera_pitch"]
    static = tf2_ros.StaticTransformBroadcaster(camera.node)
    static.sendTransform(
        transform(
            "car", "mast", (POSE["camera_x"], 0.0, POSE["camera_height"]),
            (0.0, np.sin(pitch / 2), 0.0, np.cos(pitch / 2)),
        )
    )  # fmt: skip
    moving = tf2_ros.TransformBroadcaster(camera.node)

    def points():
        moving.sendTransform(
            transform("mast", "test_camera_optical", (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))
        )
        header, _ = camera.ask(sent, "score", "markers")
        camera.spin_for(0.2)
        return camera.answers["points"].get(key_of(header))

    cloud = camera.spin_until(points, "points by tf2")
    assert cloud.header.frame_id == "car"
    found = np.frombuffer(bytes(cloud.data), POINT)
    detector = Detector(load_bundle(bundle), provider="cpu")
    decision = decide_obstacles(detector.detect(STREET), STREET, default_rule(detector.bundle))
    info = CameraInfo(height=HEIGHT, width=WIDTH, k=K, d=D, distortion_model="plumb_bob")
    settings = Settings(**POSE)
    ground = GroundSource().geometry(settings, pose_of_settings(settings), info, HEIGHT, WIDTH)
    (place,) = locate_obstacles(contours(decision.mask, decision.obstacles), ground)
    np.testing.assert_allclose(found["x"], place.foot_line[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found["y"], place.foot_line[:, 1], rtol=1e-5, atol=1e-5)
