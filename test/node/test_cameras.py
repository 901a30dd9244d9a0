# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Several cameras through one node: each gets its own answers, in time, and is told of."""

import itertools
import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.detector_process import PATIENCE
from helpers.tiny_bundle import street_frame
from sensor_msgs.msg import CameraInfo

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector

# By camera pictures of its own, and of its own size.
PICTURES = {
    "front": [street_frame(180, 320, box=(x, 120, 40, 30)) for x in (20, 140, 250)],
    "rear": [street_frame(120, 200, box=(x, 80, 30, 20)) for x in (10, 90)],
}
DROPPED = "frames dropped (a newer one came)"
LATE = "frames late (older than the deadline)"


@pytest.fixture(scope="module")
def reference(bundle):
    return Detector(load_bundle(bundle), provider="cpu")


def score_of(message):
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width)


def jpeg_of(picture):
    return cv2.imencode(".jpg", picture)[1].tobytes()


def spin(*cameras):
    for camera in cameras:
        camera.spin_once()


def accounted_for(camera):
    """Frames processed, where every one received is accounted for."""
    camera.next_status()
    lost = sum(camera.count(key) for key in (DROPPED, LATE, "frames failed"))
    pending = camera.count("frames waiting") + camera.count("frames under way")
    processed = camera.count("frames processed")
    assert processed + lost + pending == camera.count("frames received")
    return processed


@pytest.mark.parametrize("overlap", ["never", "always"])
def test_each_camera_gets_its_own_answers_to_the_bit(start, bundle, reference, overlap):
    _, front, rear = start(bundle=bundle, cameras="front,rear", overlap=overlap)
    for camera in (front, rear):
        camera.listen("score", "mask")
        camera.ask(lambda camera=camera: camera.image(PICTURES[camera.name][0]), "score", "mask")
    expected = {
        name: [reference.detect(picture).score.tobytes() for picture in pictures]
        for name, pictures in PICTURES.items()
    }
    sent: dict = {"front": {}, "rear": {}}
    for tick in range(150):
        for camera, every in ((front, 1), (rear, 5)):
            if tick % every == 0:
                which = tick // every % len(PICTURES[camera.name])
                key = camera.send(camera.image(PICTURES[camera.name][which]))
                sent[camera.name][key] = which
        spin(front, rear)
        time.sleep(0.004)
    for camera in (front, rear):
        camera.ask(lambda camera=camera: camera.image(PICTURES[camera.name][0]), "score", "mask")
        answered = {
            key: message
            for key, message in camera.answers["score"].items()
            if key in sent[camera.name]
        }
        assert len(answered) > 1
        for key, message in answered.items():
            which = sent[camera.name][key]
            assert score_of(message).tobytes() == expected[camera.name][which]
        for output in ("score", "mask"):
            order = camera.order[output]
            assert order == sorted(set(order))
        others = sent["rear" if camera is front else "front"]
        assert not others.keys() & camera.answers["score"].keys()
        accounted_for(camera)


def test_a_fast_camera_does_not_starve_a_slow_one(start, bundle):
    """The fast one's frames come much faster than they can be decoded: one always waits."""
    _, fast, slow = start(bundle=bundle, cameras="fast,slow", image_transport="compressed")
    large, small = jpeg_of(street_frame(1080, 1920)), jpeg_of(PICTURES["rear"][0])
    for camera, picture in ((fast, large), (slow, small)):
        camera.listen("score")
        camera.ask(lambda camera=camera, picture=picture: camera.jpeg(picture), "score")
    fast_before = accounted_for(fast)
    accounted_for(slow)
    before = slow.count("frames received")
    slow_ones, flood = 8, 6
    for index in range(slow_ones):
        for _ in range(flood):
            fast.send(fast.jpeg(large))
            spin(fast, slow)
        keys, end, again = set(), time.monotonic() + PATIENCE, 0.0
        while not keys & slow.answers["score"].keys():
            assert time.monotonic() < end, f"waited in vain for the answer to slow frame {index}"
            if time.monotonic() > again:  # best effort may have lost it
                keys.add(slow.send(slow.jpeg(small)))
                again = time.monotonic() + PATIENCE / 3
            fast.send(fast.jpeg(large))
            spin(fast, slow)
    accounted_for(slow)
    assert slow.count("frames received") >= before + slow_ones
    assert slow.count(DROPPED) == 0
    assert accounted_for(fast) > fast_before
    assert fast.count(DROPPED) > slow_ones, "else it was no flood"


def test_a_deadline_drops_late_frames_and_says_so(start, bundle):
    """To decode one of the front's frames takes longer than the rear's may wait."""
    _, front, rear = start(
        bundle=bundle, cameras="front,rear", image_transport="compressed", deadline=0.05
    )
    rear.listen("score")
    large, small = jpeg_of(street_frame(2160, 3840)), jpeg_of(PICTURES["rear"][0])
    rear.ask(lambda: rear.jpeg(small), "score")

    def late():
        front.send(front.jpeg(large))
        rear.spin_for(0.02)
        rear.send(rear.jpeg(small))
        rear.spin_for(0.3)
        return rear.count(LATE)

    rear.spin_until(late, "a late frame")
    assert rear.next_status().level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
    assert "older than the deadline" in rear.status.message
    rear.ask(lambda: rear.jpeg(small), "score")
    # What was late was never published.
    assert len(rear.order["score"]) <= accounted_for(rear)
    assert rear.order["score"] == sorted(set(rear.order["score"]))


def test_each_camera_is_told_of_by_name_in_every_state(start, bundle):
    _, front, rear = start(bundle=bundle, cameras="front,rear", autostart=False)
    assert front.next_status().level == DiagnosticStatus.WARN
    assert front.status.name == "/cosme_detector: detection of front"
    assert front.transition("configure")
    assert front.transition("activate")
    front.listen("score")
    front.ask(lambda: front.image(PICTURES["front"][0]), "score")
    rear.spin_until(
        lambda: rear.status and rear.status.level == DiagnosticStatus.STALE, "the rear's silence"
    )
    assert "/cosme_detector/rear/input/image has a publisher but nothing" in rear.status.message
    assert rear.value("frames received") == "0"
    assert int(front.next_status() and front.value("frames processed")) > 0
    broken = front.image(PICTURES["front"][0])
    broken.encoding = "cmyk99"

    def counted():
        front.send(broken)
        front.spin_for(0.1)
        return front.count("frames failed: unsupported encoding")

    front.spin_until(counted, "a failure of the front")
    rear.next_status()
    assert rear.count("frames failed") == 0


def test_each_camera_has_its_own_camera_info(start, bundle):
    detector, front, rear = start(bundle=bundle, cameras="front,rear")
    calibration = [300.0, 0.0, 160.0, 0.0, 0.0, 310.0, 90.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    for camera in (front, rear):
        camera.listen("markers")
        camera.ask(lambda camera=camera: camera.image(PICTURES[camera.name][0]), "markers")

    def calibrated():
        image = front.image(PICTURES["front"][0])
        front.info_publisher.publish(
            CameraInfo(header=image.header, height=180, width=320, p=calibration)
        )
        return image

    def is_guess(camera, make):
        _, (message,) = camera.ask(make, "markers")
        return message.markers[1].ns.endswith("(uncalibrated)")

    front.spin_until(lambda: not is_guess(front, calibrated), "markers by camera_info")
    assert is_guess(rear, lambda: rear.image(PICTURES["rear"][0]))
    assert "nothing came on /cosme_detector/rear/input/camera_info" in detector.log


@pytest.mark.parametrize(
    ("cameras", "words"),
    [("front,front", "'front' is there twice"), ("front,2nd", "'2nd' cannot be part of a topic")],
)
def test_names_that_cannot_be_are_refused_at_configure(start, bundle, cameras, words):
    detector, camera = start(bundle=bundle, autostart=False)
    assert camera.set_parameter("cameras", cameras) == (True, "")
    assert not camera.transition("configure")
    assert camera.next_status().level == DiagnosticStatus.ERROR
    assert words in camera.status.message
    assert words in detector.log
    assert "Traceback" not in detector.log


def test_cameras_can_be_others_after_a_cleanup(start, bundle):
    _, camera = start(bundle=bundle, autostart=False)
    by_cameras = {
        cameras: [topics.resolve(topics.of_camera(topics.OUTPUT_SCORE, c)) for c in found]
        for cameras, found in ((text, topics.cameras(text)) for text in ("", "left,right"))
    }
    for cameras, others in itertools.islice(
        itertools.cycle((("left,right", ""), ("", "left,right"))), 3
    ):
        assert camera.set_parameter("cameras", cameras) == (True, "")
        assert camera.transition("configure")
        for topic in by_cameras[cameras]:
            camera.spin_until(lambda topic=topic: camera.node.count_publishers(topic), topic)
        for topic in by_cameras[others]:
            camera.spin_until(lambda topic=topic: not camera.node.count_publishers(topic), topic)
        accepted, reason = camera.set_parameter("cameras", "elsewhere")
        assert not accepted
        assert "while the node is unconfigured" in reason
        assert camera.transition("cleanup")
