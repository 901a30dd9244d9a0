# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Road that was driven over, over DDS: a real detector with images, camera_info and odometry."""

import json

import numpy as np
import pytest
from helpers.tiny_bundle import seal, street_frame, write_tiny_bundle
from sensor_msgs.msg import CameraInfo

from cosme_ros import topics

Odometry = pytest.importorskip("nav_msgs.msg").Odometry

HEIGHT, WIDTH = 180, 320
STREET = street_frame(HEIGHT, WIDTH, box=(140, 130, 40, 30))
K = [300.0, 0.0, 160.0, 0.0, 300.0, 90.0, 0.0, 0.0, 1.0]
SETTINGS = {
    "driven_over": True,
    "driven_over_width": 3.0,
    "camera_height": 1.2,
    "camera_pitch": 0.05,
    "camera_x": 0.5,
}
STEP = 0.3
"""Metres between two poses, which are at least 20 ms apart: 15 m/s at most."""


@pytest.fixture(scope="module")
def stained(tmp_path_factory):
    """A bundle that takes magenta for road: an alarm there is a stain, and false."""
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "stained")
    manifest = json.loads((folder / "manifest.json").read_text())
    for magenta in (2, 3):
        manifest["classes"][magenta]["drivable"] = True
    seal(folder, manifest)
    return folder


class Vehicle:
    """Publishes odometry of a vehicle that drives straight on, beside the camera's frames."""

    def __init__(self, camera, child="base_link"):
        self.camera, self.child, self.x = camera, child, 0.0
        self.publisher = camera.node.create_publisher(
            Odometry, topics.resolve(topics.INPUT_ODOMETRY), 10
        )
        camera.spin_until(self.publisher.get_subscription_count, "the detector's subscription")

    def drive(self, metres):
        for _ in range(max(1, round(metres / STEP))):
            self.x += STEP if metres else 0.0
            message = Odometry(header=self.camera.header(), child_frame_id=self.child)
            message.header.frame_id = "odom"
            message.pose.pose.position.x = self.x
            self.publisher.publish(message)
            self.camera.spin_for(0.02)

    def sees(self):
        """The highest score of a frame, with the camera's calibration."""

        def image():
            self.drive(0.0)
            message = self.camera.image(STREET)
            self.camera.info_publisher.publish(
                CameraInfo(
                    header=message.header, height=HEIGHT, width=WIDTH, k=K,
                    distortion_model="plumb_bob",
                )
            )  # fmt: skip
            self.camera.spin_for(0.1)
            return message

        _, (score,) = self.camera.ask(image, "score")
        return float(np.frombuffer(score.data, np.float32).max())


def test_a_stain_is_silent_after_it_was_driven_over(start, stained, tmp_path):
    detector, camera = start(bundle=stained, marks=tmp_path / "marks.jsonl", **SETTINGS)
    camera.listen("score")
    vehicle = Vehicle(camera)
    assert vehicle.sees() >= 1.0
    assert vehicle.sees() >= 1.0  # the first may have come before camera_info
    for _ in range(100):
        vehicle.drive(1.2)
        if "mark 1:" in detector.log:
            break
        vehicle.sees()
    assert "/cosme_detector/input/odometry: mark 1:" in detector.log
    assert vehicle.x > 12.0
    assert vehicle.sees() < 1.0
    camera.spin_until(lambda: camera.value(topics.MARKS) == "1", "the mark on /diagnostics")


def test_an_obstacle_is_not_marked_and_odometry_of_another_frame_is_refused(
    start, bundle, tmp_path
):
    detector, camera = start(bundle=bundle, marks=tmp_path / "marks.jsonl", **SETTINGS)
    camera.listen("score")
    vehicle = Vehicle(camera)
    for _ in range(20):
        assert vehicle.sees() >= 1.0
        vehicle.drive(1.2)
    assert "mark 1" not in detector.log
    vehicle.child = "imu"
    vehicle.drive(0.6)
    camera.spin_until(lambda: "odometry refused" in detector.log, "the refusal")
    assert "the odometry is about the frame 'imu'" in detector.log
    for number in range(3):
        vehicle.child = f"imu{number}"
        vehicle.drive(STEP)
    camera.spin_for(0.5)
    assert detector.log.count("odometry refused") == 1, "a kind is throttled, not a sentence"
    assert camera.transition("deactivate") and camera.transition("activate")
    vehicle.child = "base_link"
    assert vehicle.sees() >= 1.0
    assert detector.process.poll() is None


def test_nobody_listens_to_odometry_by_default(start, stained, tmp_path):
    _, camera = start(bundle=stained, marks=tmp_path / "marks.jsonl", camera_height=1.2)
    camera.listen("score")
    camera.ask(lambda: camera.image(STREET), "score")
    assert not camera.node.get_subscriptions_info_by_topic(topics.resolve(topics.INPUT_ODOMETRY))
