# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Health on /diagnostics, the withheld mask, and ~/explain, over real DDS."""

import json

import numpy as np
import pytest
from helpers.detector_process import key_of
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.references import ReferenceSurvey
from cosme_ros.inference.detector import Detector

HEIGHT, WIDTH = 180, 320
STREET = street_frame(HEIGHT, WIDTH, box=(140, 120, 40, 30))
EMPTY = street_frame(HEIGHT, WIDTH, seed=77)
DARK = (STREET * 0.1).astype(np.uint8)


@pytest.fixture(scope="module")
def referenced(tmp_path_factory):
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    survey = ReferenceSurvey(Detector(load_bundle(folder), provider="cpu"), pictures=True)
    for seed in range(25):
        survey.add(street_frame(HEIGHT, WIDTH, seed=seed))
    survey.write()
    return folder


def explanation(camera):
    return camera.call(Trigger, "explain", Trigger.Request())


def test_dark_frames_are_out_of_domain_their_mask_is_withheld_and_the_street_brings_it_back(
    start, referenced
):
    _, camera = start(bundle=referenced)
    camera.listen("mask", "score", "overlay", "markers")
    before = explanation(camera)
    assert not before.success and before.message == "no frame has come yet"
    camera.ask(lambda: camera.image(STREET), "mask", "score", "overlay", "markers")
    camera.spin_until(lambda: camera.value(topics.HEALTH) == "in_domain", "in domain")
    assert camera.value(topics.HEALTH_CAUSE) == ""
    assert float(camera.value(topics.health_key("brightness"))) > 0

    answer = explanation(camera)
    assert answer.success
    content = json.loads(answer.message)[topics.ONLY_CAMERA]
    (obstacle,) = content["obstacles"]
    assert content["health"] == "in_domain"
    box = obstacle["obstacle"]
    assert box["x"] <= 150 and box["x"] + box["width"] >= 170, "the magenta box"
    assert sum(part["share"] for part in obstacle["contributions"]) == pytest.approx(1.0)
    assert {near["layer"] for near in obstacle["nearest"]} == {"c4", "c5", "lh"}
    assert all(near["picture"] for near in obstacle["nearest"])
    _, (markers,) = camera.ask(lambda: camera.image(STREET), "markers")
    (text,) = [m.text for m in markers.markers if m.type == Marker.TEXT_VIEW_FACING]
    assert "memory " in text and " %" in text and "as " in text

    def dark():
        camera.ask(lambda: camera.image(DARK), "score")
        return camera.value(topics.HEALTH) == "out_of_domain"

    camera.spin_until(dark, "out of domain")
    assert "the image is dark" in camera.value(topics.HEALTH_CAUSE)
    assert float(camera.value(topics.health_excess_key("brightness"))) < -1
    withheld, (_, overlay) = camera.ask(lambda: camera.image(DARK), "score", "overlay")
    assert key_of(withheld) not in camera.answers["mask"]
    assert key_of(withheld) not in camera.answers["markers"]
    drawn = np.frombuffer(overlay.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert (drawn == (0, 190, 255)).all(axis=2).any(), "the overlay warns in amber"
    camera.spin_until(
        lambda: int(camera.value("masks withheld (out of domain)")) > 0, "withheld masks counted"
    )

    def street():
        camera.ask(lambda: camera.image(EMPTY), "score")
        return camera.value(topics.HEALTH) == "in_domain"

    camera.spin_until(street, "in domain again")
    camera.ask(lambda: camera.image(EMPTY), "mask", "markers")


def test_the_mask_is_published_where_the_parameter_says_so(start, referenced):
    _, camera = start(bundle=referenced, out_of_domain="publish")
    camera.listen("mask", "score")
    camera.ask(lambda: camera.image(DARK), "mask", "score")
    camera.spin_until(lambda: camera.value(topics.HEALTH) == "out_of_domain", "out of domain")


def test_an_older_bundle_has_no_reference_and_works(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("mask")
    camera.ask(lambda: camera.image(STREET), "mask")
    camera.spin_until(lambda: camera.value(topics.HEALTH) == "no_reference", "no reference")
    answer = explanation(camera)
    (obstacle,) = json.loads(answer.message)[topics.ONLY_CAMERA]["obstacles"]
    assert all(part["share"] is None for part in obstacle["contributions"])
