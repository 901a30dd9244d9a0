# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the detector's launch file starts for which arguments."""

from pathlib import Path

import pytest

from cosme_ros import topics
from cosme_ros.launching.detector_launch import (
    RVIZ_OUTPUTS,
    camera_info_beside,
    declared_arguments,
    detector_launch,
)
from cosme_ros.launching.launch_arguments import ArgumentError
from cosme_ros.parameters import PARAMETERS, check_settings

DEFAULTS_FILE = Path(__file__).parents[3] / "config" / "detector.yaml"
ARGUMENTS = declared_arguments(DEFAULTS_FILE)


def launch(**given):
    defaults = {name: default for name, (default, _) in ARGUMENTS.items()}
    assert set(given) <= set(defaults)
    return detector_launch({**defaults, **given})


def test_without_arguments_the_file_says_it_all():
    settings = launch()
    assert settings.params_file == DEFAULTS_FILE and settings.parameters == {}
    assert settings.respawn and settings.respawn_delay == 1.0
    assert not settings.rviz and settings.namespace == ""


def test_only_given_arguments_override_the_file():
    settings = launch(false_positive_rate="1e-3", autostart="false", cameras="x")
    assert settings.parameters == {
        "false_positive_rate": 1e-3,
        "autostart": False,
        "cameras": "x",
    }


def test_every_parameter_is_an_argument_with_its_text():
    for row in PARAMETERS:
        default, text = ARGUMENTS[row.name]
        assert default == "" and text == f"{row.help_text()} Empty: as in params_file"


def test_every_parameter_reaches_the_node_in_its_own_type(tmp_path):
    given = {
        row.name: str(row.choices[-1] if row.choices else row.default)
        for row in PARAMETERS
        if row.default != "" or row.choices
    }
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").touch()
    texts = {"bundle": str(bundle), "marks": "12", "bundle_digest": "7" * 64}
    found = launch(**given, **texts).parameters
    assert found["marks"] == "12" and found["marks_guard"] is True
    assert found["image_rotation"] == 270 and found["camera_height"] == 0.0
    defaults = {row.name: row.default for row in PARAMETERS}
    check_settings({**defaults, **found})


def test_odometry_comes_from_where_vehicles_publish_it():
    assert dict(launch().remappings)["~/input/odometry"] == "/odom"
    given = launch(odometry_topic="/car/odometry", cameras="front,rear")
    assert dict(given.remappings)["~/input/odometry"] == "/car/odometry"


@pytest.mark.parametrize(
    ("given", "image", "info"),
    [
        ({}, {"": "/camera/image_raw"}, {"": "/camera/camera_info"}),
        (
            {"image_topic": "/front/image_rect"},
            {"": "/front/image_rect"},
            {"": "/front/camera_info"},
        ),
        (
            {"cameras": "front,rear"},
            {"front": "/front/image_raw", "rear": "/rear/image_raw"},
            {"front": "/front/camera_info", "rear": "/rear/camera_info"},
        ),
        (
            {
                "cameras": "left,right",
                "image_topic": "/stereo/{camera}/image_rect",
                "camera_info_topic": "/info_{camera}",
            },
            {"left": "/stereo/left/image_rect", "right": "/stereo/right/image_rect"},
            {"left": "/info_left", "right": "/info_right"},
        ),
        # image_transport's convention, and the whole name.
        (
            {"image_transport": "compressed"},
            {"": "/camera/image_raw/compressed"},
            {"": "/camera/camera_info"},
        ),
        (
            {"image_transport": "compressed", "image_topic": "/front/image_raw"},
            {"": "/front/image_raw/compressed"},
            {"": "/front/camera_info"},
        ),
        (
            {"image_transport": "compressed", "image_topic": "/front/image_raw/compressed"},
            {"": "/front/image_raw/compressed"},
            {"": "/front/camera_info"},
        ),
        (
            {"image_transport": "compressed", "cameras": "a,b", "image_topic": "/{camera}/image"},
            {"a": "/a/image/compressed", "b": "/b/image/compressed"},
            {"a": "/a/camera_info", "b": "/b/camera_info"},
        ),
        (
            {"image_transport": "compressed", "compressed_topic": "/front/jpeg"},
            {"": "/front/jpeg"},
            {"": "/camera/camera_info"},
        ),
    ],
)
def test_every_cameras_inputs_are_remapped(given, image, info):
    assert set(launch(**given).remappings) - {(topics.INPUT_ODOMETRY, "/odom")} == {
        (topics.of_camera(name, camera), topic)
        for name, topic_of in ((topics.INPUT_IMAGE, image), (topics.INPUT_CAMERA_INFO, info))
        for camera, topic in topic_of.items()
    }


def test_what_the_file_says_of_cameras_and_transport_is_heeded(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("/**: {ros__parameters: {cameras: 'l,r', image_transport: compressed}}")
    settings = launch(params_file=str(file), image_topic="/{camera}/image_raw")
    assert dict(settings.remappings)["~/l/input/image"] == "/l/image_raw/compressed"
    assert settings.rviz_compressed
    given = launch(params_file=str(file), image_transport="raw")
    assert dict(given.remappings)["~/r/input/image"] == "/r/image_raw"


def test_rviz_hears_the_first_camera_in_its_transport():
    settings = launch(
        image_transport="compressed", cameras="front,rear", namespace="car", camera_frame="optical"
    )
    rules = dict(settings.rviz_remappings)
    assert settings.rviz_compressed and settings.camera_frame == "optical"
    assert rules["/camera/image_raw"] == "/front/image_raw"
    assert rules["/camera/image_raw/compressed"] == "/front/image_raw/compressed"
    assert rules["/camera/camera_info"] == rules["/camera/image_raw/camera_info"]
    assert rules["/camera/camera_info"] == "/front/camera_info"
    for output in RVIZ_OUTPUTS:
        shown = topics.of_camera(output, "front")
        assert rules[topics.resolve(output)] == topics.resolve(shown, namespace="/car")


@pytest.mark.parametrize(
    ("image_topic", "beside"),
    [
        ("/camera/image_raw", "/camera/camera_info"),
        ("/front/image_rect/compressed", "/front/camera_info"),
        ("image", "/camera_info"),
    ],
)
def test_camera_info_is_looked_for_beside_the_image(image_topic: str, beside: str) -> None:
    assert camera_info_beside(image_topic) == beside


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cameras": "front,rear", "image_topic": "/image"}, "would be that of front, rear"),
        ({"image_topic": "/{camera}/image_raw"}, "'image_topic' is '/{camera}/image_raw'"),
        ({"image_topic": "/a b"}, "'image_topic' is '/a b'"),
        ({"camera_info_topic": "//info"}, "'camera_info_topic' is '//info'"),
        ({"odometry_topic": "//odom"}, "'odometry_topic' is '//odom'"),
        ({"camera_height": "tall"}, "'camera_height' is 'tall'"),
        ({"minimum_area": "-1"}, "'minimum_area' is -1"),
        ({"tracking": "maybe"}, "'tracking' is 'maybe'"),
        ({"compressed_topic": "/jpeg"}, "image_transport is not compressed"),
        ({"cameras": "a,,b"}, "'cameras' has cameras 'a,,b'"),
        ({"false_positive_rate": "abc"}, "'false_positive_rate' is 'abc'"),
        ({"autostart": "maybe"}, "'autostart' is 'maybe'"),
        ({"rviz": "maybe"}, "'rviz' is 'maybe'"),
        ({"respawn": "often"}, "'respawn' is 'often'"),
        ({"respawn_delay": "0"}, "'respawn_delay' is '0'"),
        ({"log_level": "chatty"}, "'log_level' is 'chatty'"),
        ({"namespace": "a b"}, "'namespace' is '/a b'"),
        ({"params_file": "/no/such.yaml"}, "'params_file' is '/no/such.yaml', which cannot be"),
        ({"bundle": "/no/such"}, "'bundle' is '/no/such'"),
        ({"provider": "abacus"}, "'provider' is 'abacus'"),
        ({"region": "moon"}, "'region' is 'moon'"),
        ({"image_transport": "theora"}, "'image_transport' is 'theora'"),
        ({"camera_frame": ""}, "'camera_frame' is ''"),
    ],
)
def test_a_wrong_argument_is_named(given, words):
    with pytest.raises(ArgumentError) as caught:
        launch(**given)
    assert words in str(caught.value)
