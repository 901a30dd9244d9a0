# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One frame's way without ROS, on the tiny bundle."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers.message_classes import message_class
from helpers.tiny_bundle import seal, street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.messages.images import DecodeError
from cosme_ros.parameters import ParameterError, Settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, decide_obstacles
from cosme_ros.streaming.frame_outputs import RequestedOutputs
from cosme_ros.streaming.frame_pipeline import open_pipeline

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
EVERYTHING = RequestedOutputs(score=True, mask=True, overlay=True, obstacles=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def settings(folder):
    return Settings(bundle=str(folder), provider="cpu", threads=1)


def image_message(pixels, stamp=1):
    message = message_class("sensor_msgs/msg/Image")()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
    message.height, message.width = pixels.shape[:2]
    message.encoding = "bgr8"
    message.step = 3 * pixels.shape[1]
    message.data = pixels.reshape(-1)
    return message


@pytest.mark.parametrize("temporal", ["none", "flow"])
def test_a_mark_has_effect_from_the_next_frame_on(settings, tmp_path, temporal):
    marks = str(tmp_path / "marks.jsonl")
    pipeline = open_pipeline(replace(settings, marks=marks, temporal=temporal))
    pipeline.begin()
    beside = street_frame(90, 160, box=(2, 50, 20, 15))

    def peak(number):
        message = image_message(beside, stamp=number * 10**8)
        return float(pipeline.detect("", message).detection.score.max())

    assert min(peak(number) for number in range(1, 6)) >= 1
    assert pipeline.configured().marks == 0
    assert pipeline.adaptation.mark_alarms("", guard=True).success
    assert pipeline.configured().marks == 1
    # With 'flow' a history of old scores would keep it above the line.
    assert peak(6) < 1


def test_a_file_of_marks_that_cannot_be_used_is_a_parameter_error(settings, tmp_path):
    (tmp_path / "marks.jsonl").write_text("{}\n")
    with pytest.raises(ParameterError, match=r"parameter 'marks': .*marks\.jsonl is damaged"):
        open_pipeline(replace(settings, marks=str(tmp_path / "marks.jsonl")))


def test_a_frame_goes_through_decoder_detector_and_outputs(folder, settings):
    pipeline = open_pipeline(settings)
    pipeline.begin()
    detected = pipeline.detect("", image_message(STREET))
    made = pipeline.outputs(detected, EVERYTHING, frame_rate=10.0)
    expected = Detector(load_bundle(folder), provider="cpu", threads=1).detect(STREET)
    rule = ObstacleRule(None, Settings.minimum_area, Settings.outline)
    decision = decide_obstacles(expected, STREET, rule)
    assert decision.obstacles
    assert made.score.tobytes() == expected.score.tobytes()
    assert made.mask.tobytes() == decision.mask.tobytes()
    assert made.obstacles == decision.obstacles
    assert detected.spread.common > 0


def test_compressed_frames_where_the_settings_say_so(settings):
    pipeline = open_pipeline(replace(settings, image_transport="compressed"))
    pipeline.begin()
    message = message_class("sensor_msgs/msg/CompressedImage")()
    message.format = "png"
    message.data = cv2.imencode(".png", STREET)[1].reshape(-1)
    assert np.array_equal(pipeline.detect("", message).image, STREET)
    message.data = message.data[:50]
    with pytest.raises(DecodeError):
        pipeline.detect("", message)


def test_other_settings_are_the_next_frames(settings):
    pipeline = open_pipeline(settings)
    pipeline.begin()
    before = pipeline.detect("", image_message(STREET))
    pipeline.change(replace(settings, minimum_area=STREET.size, false_positive_rate=0.01))
    after = pipeline.detect("", image_message(STREET))
    masks = [pipeline.outputs(f, EVERYTHING, frame_rate=0.0).mask for f in (before, after)]
    assert masks[0].any(), "the frame that was under way is made by what it was detected by"
    assert not masks[1].any()
    assert after.detection.score.max() > before.detection.score.max()
    assert pipeline.configured().false_positive_rate == 0.01


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"false_positive_rate": 1e-8}, "parameter false_positive_rate is 1e-08"),
        ({"stall_warning": 9.0}, "parameter 'stall_error' is 5.0"),
    ],
)
def test_settings_that_cannot_be_change_nothing(settings, change, words):
    with pytest.raises(ParameterError, match=words):
        open_pipeline(replace(settings, **change))
    pipeline = open_pipeline(settings)
    threshold = pipeline.detector.threshold
    with pytest.raises(ParameterError, match=words):
        pipeline.change(replace(settings, **change))
    assert pipeline.settings == settings
    assert pipeline.detector.threshold == threshold


def test_a_drivable_area_without_a_drivable_class_is_refused(folder, settings, tmp_path):
    roadless = tmp_path / "roadless"
    shutil.copytree(folder, roadless)
    manifest = json.loads((roadless / "manifest.json").read_text())
    for entry in manifest["classes"]:
        entry["drivable"] = False
    seal(roadless, manifest)
    with pytest.raises(ParameterError, match="parameter 'region' is 'drivable', but bundle tiny"):
        open_pipeline(replace(settings, bundle=str(roadless), region="drivable"))
    open_pipeline(replace(settings, bundle=str(roadless)))


def test_a_bundle_that_is_none_is_refused(settings, tmp_path):
    with pytest.raises(BundleError, match="does not exist"):
        open_pipeline(replace(settings, bundle=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("choice", "overlaps"), [("auto", False), ("always", True), ("never", False)]
)
def test_on_a_cpu_outputs_are_made_beside_only_where_asked_for(settings, choice, overlaps):
    assert open_pipeline(replace(settings, overlap=choice)).overlaps == overlaps


def test_an_interruption_ends_the_history(settings):
    pipeline = open_pipeline(replace(settings, temporal="flow"))
    before = np.asarray(STREET * 0.98, np.uint8)

    def score_after(pictures):
        pipeline.begin()
        for number, pixels in enumerate(pictures, 1):
            detected = pipeline.detect("", image_message(pixels, number * 10**8))
        return detected.detection.raw_score_grid.tobytes()

    alone = score_after([STREET])
    assert score_after([before, STREET]) != alone, "else there is no history"
    assert score_after([STREET]) == alone
