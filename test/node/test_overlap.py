# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A second thread for a frame's outputs: the same bits, the same order, the same end."""

import signal

import numpy as np
import pytest
from helpers.publication_times import PublicationTimes
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.node.arrival import gives_message_info

LARGE = street_frame(720, 1280)
STREETS = [street_frame(180, 320, box=(x, 120, 40, 30)) for x in (20, 140, 250)]
OUTPUTS = ("score", "mask", "overlay")


def test_same_bits_same_order_and_every_frame_accounted_for(start, bundle):
    detector, camera = start(bundle=bundle, overlap="always")
    camera.listen(*OUTPUTS)
    camera.ask(lambda: camera.image(LARGE), *OUTPUTS)
    assert "outputs are made beside the next frame" in detector.log
    reference = Detector(load_bundle(bundle), provider="cpu")
    expected = [reference.detect(street).score for street in STREETS]
    sent = {}
    for index in range(90):
        sent[camera.send(camera.image(STREETS[index % 3]))] = index % 3
        camera.spin_for(0.002)
    camera.ask(lambda: camera.image(LARGE), *OUTPUTS)
    answered = sent.keys() & camera.answers["score"].keys()
    assert len(answered) > 1
    for key in answered:
        message = camera.answers["score"][key]
        score = np.frombuffer(message.data, np.float32)
        assert score.tobytes() == expected[sent[key]].tobytes()
    for output in OUTPUTS:
        assert camera.order[output] == sorted(set(camera.order[output]))
    camera.next_status()
    lost = camera.count("frames dropped (a newer one came)") + camera.count("frames failed")
    assert camera.count("frames processed") + lost == camera.count("frames received")


def test_by_itself_it_is_for_a_gpu(start, bundle):
    detector, camera = start(bundle=bundle)
    camera.listen("score")
    camera.ask(lambda: camera.image(STREETS[0]), "score")
    assert "ready: " in detector.log
    assert "outputs are made beside the next frame" not in detector.log


@pytest.mark.skipif(not gives_message_info(), reason="rclpy does not give source timestamps")
@pytest.mark.parametrize("names", ["", "front,rear"])
def test_nothing_follows_a_deactivation(start, bundle, names):
    _, *cameras = start(bundle=bundle, overlap="always", cameras=names)
    for camera in cameras:
        camera.listen("score", "overlay")
        camera.ask(lambda camera=camera: camera.image(LARGE), "score", "overlay")
    times = PublicationTimes(cameras, "score", "overlay")
    times.begin()
    for _ in range(10):
        for label, state in (("deactivate", "inactive"), ("activate", "active")):
            for camera in cameras * 3:  # work for longer than the transition takes to arrive
                camera.send(camera.image(LARGE))
            assert cameras[0].transition(label)
            times.wait_for(state)
    for camera in cameras:
        camera.ask(lambda camera=camera: camera.image(LARGE), "score", "overlay")
    times.wait_for_output_in("active")
    assert not times.outputs_in("inactive")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_busy_process_well(start, bundle, number):
    detector, *cameras = start(bundle=bundle, overlap="always", cameras="front,rear")
    for camera in cameras:
        camera.listen("score", "overlay")
        camera.ask(lambda camera=camera: camera.image(LARGE), "score", "overlay")
    for camera in cameras * 5:
        camera.send(camera.image(LARGE))
    assert detector.stop(number) == 0
    assert "Traceback" not in detector.log
    assert "ERROR" not in detector.log


def test_a_broken_frame_costs_itself_only(start, bundle):
    _, camera = start(bundle=bundle, overlap="always")
    camera.listen("score")
    camera.ask(lambda: camera.image(STREETS[0]), "score")
    keys = []

    def counted():
        broken = camera.image(STREETS[0])
        broken.encoding = "cmyk99"
        keys.append(camera.send(broken))
        camera.spin_for(0.1)
        return camera.count("frames failed: unsupported encoding")

    camera.spin_until(counted, "a failure")
    camera.ask(lambda: camera.image(STREETS[0]), "score")
    assert not set(keys) & set(camera.answers["score"])
