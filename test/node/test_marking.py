# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Marks over DDS: services and masks of a real detector, whose effect the published scores show."""

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from cosme_ros import topics
from cosme_ros.messages.images import fill_image

QUIET = street_frame(180, 320)
STREET = street_frame(180, 320, box=(4, 100, 40, 30))  # beside the road: the guard lets it pass
ON_ROAD = street_frame(180, 320, box=(150, 120, 20, 16))
"""A box on the road, which the guard takes for an obstacle."""


def peak(camera, picture):
    _, (score,) = camera.ask(lambda: camera.image(picture), "score")
    return float(np.frombuffer(score.data, np.float32).max())


def bits(camera, picture):
    _, (score,) = camera.ask(lambda: camera.image(picture), "score")
    return bytes(score.data)


@pytest.fixture
def started(start, bundle, tmp_path):
    marks = tmp_path / "marks.jsonl"
    detector, camera = start(bundle=bundle, marks=marks, minimum_area=64)
    camera.listen("score")
    return detector, camera, marks


def begin(camera, service):
    """Asked for once only: to mark twice is not to mark once."""
    client = camera.client(Trigger, service.removeprefix("~/"))
    camera.spin_for(0.3)  # the server has to know the reader of the answer
    return client.call_async(Trigger.Request())


def call(camera, service):
    future = begin(camera, service)
    camera.spin_until(future.done, f"an answer of {service}")
    return future.result()


def test_a_mark_silences_from_the_next_frame_on_and_undo_brings_the_old_bits(started):
    _, camera, marks = started
    before = bits(camera, QUIET), bits(camera, STREET)
    assert peak(camera, STREET) >= 1.0
    answer = call(camera, topics.MARK_NORMAL)
    assert answer.success, answer.message
    assert "self-test: of 3 things painted into 1 stored frames" in answer.message
    assert "not saved yet" in answer.message
    assert peak(camera, STREET) < 1.0
    assert not marks.exists()
    camera.spin_until(lambda: camera.value(topics.MARKS) == "1", "the mark on /diagnostics")
    assert call(camera, topics.UNDO_MARK).success
    assert (bits(camera, QUIET), bits(camera, STREET)) == before
    answer = call(camera, topics.UNDO_MARK)
    assert (answer.success, answer.message) == (False, "there is no mark to undo")


def test_the_guard_refuses_an_obstacle_on_the_road_until_it_is_switched_off(started):
    _, camera, _ = started
    assert peak(camera, ON_ROAD) >= 1.0
    answer = call(camera, topics.MARK_NORMAL)
    assert not answer.success
    assert "it may be an obstacle on the road" in answer.message
    assert peak(camera, ON_ROAD) >= 1.0
    assert camera.set_parameter("marks_guard", False) == (True, "")
    assert call(camera, topics.MARK_NORMAL).success
    assert peak(camera, ON_ROAD) < 1.0


def test_marks_survive_a_restart_and_can_be_forgotten(start, bundle, started):
    detector, camera, marks = started
    assert peak(camera, STREET) >= 1.0
    assert call(camera, topics.MARK_NORMAL).success
    answer = call(camera, topics.SAVE_MEMORY)
    assert answer.success, answer.message
    assert detector.stop() == 0
    again, camera = start(bundle=bundle, marks=marks, minimum_area=64)
    camera.listen("score")
    assert peak(camera, STREET) < 1.0
    assert "1 marks hold" in again.log
    assert call(camera, topics.FORGET_MARKS).success
    assert peak(camera, STREET) >= 1.0


def test_a_damaged_file_is_refused_with_a_sentence(start, bundle, started):
    detector, camera, marks = started
    peak(camera, STREET)
    assert call(camera, topics.MARK_NORMAL).success
    assert call(camera, topics.SAVE_MEMORY).success
    assert detector.stop() == 0
    content = marks.read_text()
    marks.write_text(content.replace('"forced": false', '"forced": true'))
    again, camera = start(bundle=bundle, marks=marks, minimum_area=64)
    camera.spin_until(lambda: "cannot configure" in again.log, "the refusal")
    assert "is damaged or was changed" in again.log
    assert "restore a copy, or move it away" in again.log


def test_a_mask_marks_a_recent_frame(started):
    detector, camera, _ = started
    header, _ = camera.ask(lambda: camera.image(STREET), "score")
    publisher = camera.node.create_publisher(Image, topics.resolve(topics.INPUT_NORMAL_MASK), 10)
    camera.spin_until(publisher.get_subscription_count, "the detector's subscription")
    pixels = np.zeros(STREET.shape[:2], np.uint8)
    pixels[100:130, 4:44] = 255
    mask = Image()
    fill_image(mask, pixels, "mono8", header)
    publisher.publish(mask)
    camera.spin_until(lambda: "mark 1: 1200 pixels" in detector.log, "the mark")
    assert peak(camera, STREET) < 1.0
    mask.header.stamp.sec -= 100
    publisher.publish(mask)
    camera.spin_until(lambda: "no recent frame has the stamp" in detector.log, "the refusal")


def test_images_are_served_while_a_mark_is_tested(started):
    _, camera, _ = started
    peak(camera, QUIET)
    peak(camera, STREET)
    future = begin(camera, topics.MARK_NORMAL)
    while not future.done():
        peak(camera, QUIET)
    assert future.result().success


def test_a_node_that_is_cleaned_up_during_a_mark_goes_on(started):
    detector, camera, _ = started
    peak(camera, STREET)
    future = begin(camera, topics.MARK_NORMAL)
    assert camera.transition("deactivate")
    assert camera.transition("cleanup")
    camera.spin_until(future.done, "an answer")
    answer = call(camera, topics.MARK_NORMAL)
    assert not answer.success and "the node is not configured" in answer.message
    assert camera.transition("configure") and camera.transition("activate")
    peak(camera, STREET)
    assert call(camera, topics.MARK_NORMAL).success
    assert detector.process.poll() is None


def test_without_a_file_nothing_can_be_marked(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("score")
    peak(camera, STREET)
    answer = call(camera, topics.MARK_NORMAL)
    assert not answer.success
    assert "the parameter 'marks' is empty" in answer.message
