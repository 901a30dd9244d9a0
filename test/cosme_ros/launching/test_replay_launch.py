# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the replay's launch file starts for which arguments."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import write_small_bag
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.launching.detector_launch import declared_arguments
from cosme_ros.launching.launch_arguments import ArgumentError
from cosme_ros.launching.replay_launch import ARGUMENTS, replay_launch
from cosme_ros.messages.image_orientation import ImageOrientation
from cosme_ros.parameters import Settings
from cosme_ros.replay.runner import HIGHEST_DOMAIN, Replay
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS

DETECTOR = declared_arguments(Path(__file__).parents[3] / "config" / "detector.yaml")


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("replay")
    return {
        "bag": str(write_small_bag(folder / "bag", frames=2)),
        "bundle": str(write_tiny_bundle(folder / "bundle")),
    }


def launch(places: dict[str, str], out: Path, **given: str):
    defaults = {name: default for name, (default, _) in ARGUMENTS.items()}
    assert set(given) <= set(defaults)
    return replay_launch({**defaults, **places, "out": str(out), **given}, DETECTOR)


def test_bag_and_bundle_must_be_given_and_the_rest_are_the_commands_defaults():
    defaults = {name: default for name, (default, _) in ARGUMENTS.items()}
    assert [name for name, default in defaults.items() if default is None] == ["bag", "bundle"]
    assert float(defaults["false_positive_rate"]) == Settings.false_positive_rate
    assert defaults["provider"] == Settings.provider
    assert float(defaults["rate"]) == 1.0


def test_the_detector_hears_what_is_played(places, tmp_path):
    settings = launch(places, tmp_path / "out", domain="7")
    assert settings.domain == 7
    detector = settings.detector
    assert dict(detector.remappings)["~/input/image"] == CAMERA_IMAGE
    assert detector.parameters["image_transport"] == "compressed"
    assert detector.parameters["autostart"] is True
    # Recorder and judge look for the topics of a node without namespace, and a detector that
    # died has lost frames.
    assert detector.namespace == "" and not detector.respawn
    raw = launch(
        places, tmp_path / "out", overwrite="true", image_topic=CAMERA_LABELS, label_topic=""
    )
    assert dict(raw.detector.remappings)["~/input/image"] == CAMERA_LABELS
    assert raw.detector.parameters["image_transport"] == "raw"


def test_the_cameras_orientation_reaches_detector_and_evaluation(places, tmp_path):
    settings = launch(places, tmp_path / "out", image_rotation="90", image_flip="vertical")
    assert settings.detector.parameters["image_rotation"] == 90
    assert settings.detector.parameters["image_flip"] == "vertical"
    assert settings.replay.orientation == ImageOrientation(90, "vertical")
    assert Replay.read(settings.out).orientation == settings.replay.orientation


def test_a_compressed_topic_need_not_be_called_so(places, tmp_path):
    bag = write_small_bag(tmp_path / "bag", frames=2, image_topic="/front/jpeg")
    settings = launch(places, tmp_path / "out", bag=str(bag), image_topic="/front/jpeg")
    assert dict(settings.detector.remappings)["~/input/image"] == "/front/jpeg"


def test_a_static_mask_is_the_detectors_and_the_judges(places, tmp_path):
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), np.full((180, 320), 255, np.uint8))
    settings = launch(places, tmp_path / "out", static_mask=str(file))
    assert settings.detector.parameters["static_mask"] == str(file)
    assert Replay.read(tmp_path / "out").static_mask == str(file)
    assert "static_mask" not in launch(places, tmp_path / "whole").detector.parameters


def test_a_replay_has_a_domain_of_its_own(places, tmp_path):
    found = {launch(places, tmp_path / f"{number}").domain for number in range(5)}
    assert len(found) > 1 and all(1 <= domain <= HIGHEST_DOMAIN for domain in found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bag": "/no/bag"}, "'bag' cannot be used: bag /no/bag does not exist"),
        ({"bundle": "/no/bundle"}, "'bundle' is '/no/bundle'"),
        ({"image_topic": "/front"}, "'image_topic' is '/front', but"),
        ({"label_topic": "/truth"}, "'label_topic' is '/truth', but"),
        ({"rate": "fast"}, "'rate' is 'fast'"),
        ({"rate": "0"}, "'rate' is '0'"),
        ({"rate": "inf"}, "'rate' is 'inf'"),
        ({"seconds_a_frame": "-1"}, "'seconds_a_frame' is '-1'"),
        ({"false_positive_rate": "abc"}, "'false_positive_rate' is 'abc'"),
        ({"static_mask": "/no/mask.png"}, "'static_mask' cannot be used: static_mask '/no/mask"),
        ({"provider": "abacus"}, "'provider' is 'abacus'"),
        ({"image_rotation": "45"}, "'image_rotation' is '45'"),
        ({"image_flip": "both"}, "'image_flip' is 'both'"),
        ({"overwrite": "maybe"}, "'overwrite' is 'maybe'"),
        ({"pictures": "maybe"}, "'pictures' is 'maybe'"),
        ({"keep_recording": "yes"}, "'keep_recording' is 'yes'"),
        ({"rviz": "maybe"}, "'rviz' is 'maybe'"),
        ({"domain": "1000"}, "'domain' is '1000'"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_written(places, tmp_path, given, words):
    with pytest.raises(ArgumentError) as caught:
        launch(places, tmp_path / "out", **given)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_refused(places, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ArgumentError, match="'out' cannot be used"):
        launch(places, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
