# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One frame's way without ROS, on the tiny bundle."""

import json
import shutil
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers.default_rule import default_rule
from helpers.message_classes import message_class
from helpers.tiny_bundle import seal, street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.messages.image_orientation import ImageOrientation
from cosme_ros.messages.images import DecodeError
from cosme_ros.parameters import ParameterError, Settings
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles, search_area
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
    decision = decide_obstacles(expected, STREET, default_rule(load_bundle(folder)))
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


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_the_limit_of_pixels_is_the_settings(settings, transport):
    pixels = STREET.shape[0] * STREET.shape[1]
    message = image_message(STREET)
    if transport == "compressed":
        message = message_class("sensor_msgs/msg/CompressedImage")()
        message.format = "png"
        message.data = cv2.imencode(".png", STREET)[1].reshape(-1)
    limited = replace(settings, image_transport=transport, max_image_pixels=pixels)
    pipeline = open_pipeline(limited)
    pipeline.begin()
    assert pipeline.detect("", message).image.shape == STREET.shape
    pipeline = open_pipeline(replace(limited, max_image_pixels=pixels - 1))
    pipeline.begin()
    with pytest.raises(DecodeError, match=f"at most {pixels - 1} are decoded"):
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


def test_the_bundles_own_rate_is_shown_as_a_number(settings):
    pipeline = open_pipeline(replace(settings, false_positive_rate=0.0))
    threshold = pipeline.bundle.calibration.threshold
    assert pipeline.settings.false_positive_rate == 0.001
    assert pipeline.configured().false_positive_rate == 0.001
    pipeline.change(replace(pipeline.settings, false_positive_rate=0.01))
    assert pipeline.detector.threshold == threshold(0.01)
    pipeline.change(replace(pipeline.settings, false_positive_rate=0.0))
    assert pipeline.detector.threshold == threshold(0.001)
    assert pipeline.configured().false_positive_rate == 0.001


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
    assert pipeline.settings == replace(settings, false_positive_rate=0.001)
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


def test_each_camera_has_its_own_tracks(settings):
    pipeline = open_pipeline(replace(settings, tracking=True, cameras="front,rear"))
    pipeline.begin()
    for camera, number in (("front", 1), ("front", 2), ("rear", 2)):
        detected = pipeline.detect(camera, image_message(STREET, number * 10**8))
        made = pipeline.outputs(detected, EVERYTHING, frame_rate=0.0)
        assert made.track_ids == (1,)
    assert made.tracks[0].frames_seen == 1


def test_an_alarm_that_needs_frames_needs_them_anew_after_an_interruption(settings):
    pipeline = open_pipeline(replace(settings, tracking=True, alarm_min_seen=2, alarm_window=3))
    assert pipeline.configured().alarm_rule == "2 of 3"
    answers = []
    for round_ in range(2):
        pipeline.begin()
        for number in range(3):
            message = image_message(STREET, (10 * round_ + number) * 10**8)
            made = pipeline.outputs(pipeline.detect("", message), EVERYTHING, frame_rate=0.0)
            answers.append((made.track_ids, made.unconfirmed))
    assert answers == [((), 1), ((1,), 0), ((1,), 0), ((), 1), ((2,), 0), ((2,), 0)]


def test_following_without_the_library_is_refused_before_the_networks_are_loaded(
    settings, monkeypatch
):
    monkeypatch.setitem(sys.modules, "norfair", None)
    monkeypatch.setattr("cosme_ros.streaming.frame_pipeline.Detector", None)
    with pytest.raises(ParameterError, match=r"'tracking' is true, and: .*'norfair' is not inst"):
        open_pipeline(replace(settings, tracking=True))


def mounted(upright, orientation):
    """Return what the camera sees that is mounted so, of an upright image [H, W, C]."""
    return np.moveaxis(orientation.as_camera(np.moveaxis(upright, 2, 0)), 0, 2).copy()


@pytest.mark.parametrize("region", ["everything", "drivable"])
@pytest.mark.parametrize(
    ("rotation", "flip"), [(180, "none"), (90, "none"), (270, "horizontal"), (0, "vertical")]
)
def test_a_camera_that_is_not_upright_gives_the_same_in_its_own_image(
    folder, settings, rotation, flip, region
):
    # The outline along the image's edges is made on a grid, which does not turn with the image.
    settings = replace(settings, outline="score")
    orientation = ImageOrientation(rotation, flip)
    camera_image = mounted(STREET, orientation)
    upright = open_pipeline(replace(settings, region=region))
    turned = open_pipeline(
        replace(settings, region=region, image_rotation=rotation, image_flip=flip)
    )
    made = []
    for pipeline, image in ((upright, STREET), (turned, camera_image)):
        pipeline.begin()
        detected = pipeline.detect("", image_message(image))
        assert np.array_equal(detected.image, image)
        made.append((detected.detection, pipeline.outputs(detected, EVERYTHING, frame_rate=10.0)))
    (one, plain), (other, back) = made
    assert other.raw_score_grid.tobytes() == orientation.as_camera(one.raw_score_grid).tobytes()
    assert back.size == camera_image.shape[:2] == back.mask.shape == back.score.shape
    assert back.overlay.shape == camera_image.shape
    # Enlarging rounds the other way round at most in the last bit.
    np.testing.assert_allclose(back.score, orientation.as_camera(plain.score), rtol=1e-5)
    assert np.mean(back.mask != orientation.as_camera(plain.mask)) < 1e-3
    assert len(back.obstacles) == len(plain.obstacles) == 1
    (box,) = back.obstacles
    assert back.mask[box.y : box.y + box.height, box.x : box.x + box.width].sum() == (
        back.mask.sum()
    )
    features = turned.detector.features(camera_image)["c5"]
    assert np.array_equal(features, orientation.as_camera(upright.detector.features(STREET)["c5"]))


def test_upside_down_without_the_parameter_is_seen_otherwise(settings):
    """The comparison above would see a pipeline that turns nothing."""
    pipeline = open_pipeline(replace(settings, region="drivable"))
    pipeline.begin()
    detected = pipeline.detect("", image_message(mounted(STREET, ImageOrientation(180))))
    upright = pipeline.detect("", image_message(STREET))
    grid = ImageOrientation(180).as_camera(upright.detection.raw_score_grid)
    # The tiny bundle's colour filters know no up; the drivable region does.
    np.testing.assert_allclose(detected.detection.raw_score_grid, grid, rtol=0.1, atol=1e-6)
    road = [
        search_area(frame.detection, frame.choices.rule).region for frame in (detected, upright)
    ]
    assert not np.array_equal(road[0], ImageOrientation(180).as_camera(road[1]))
