# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Values of launch arguments: what is understood, and what an error names."""

import math

import pytest

from cosme_ros.launching import launch_arguments
from cosme_ros.launching.launch_arguments import ArgumentError


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("0", False)]
)
def test_flags_are_those_of_launch(text, value):
    assert launch_arguments.flag("rviz", text) is value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("bundle", "12", "12"),
        ("false_positive_rate", "1e-3", 0.001),
        ("false_positive_rate", "0.5", 0.5),
        ("autostart", "False", False),
        ("provider", "cpu", "cpu"),
    ],
)
def test_a_parameter_is_of_the_type_that_the_node_declares(name, text, value):
    found = launch_arguments.parameter(name, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda: launch_arguments.flag("rviz", "maybe"), "'rviz' is 'maybe', but must be true or"),
        (
            lambda: launch_arguments.parameter("false_positive_rate", "abc"),
            "'false_positive_rate' is 'abc', but must be a number from 0 to 0.5",
        ),
        (lambda: launch_arguments.parameter("false_positive_rate", "nan"), "is 'nan'"),
        (lambda: launch_arguments.parameter("provider", "abacus"), "one of: auto, tensorrt"),
        (lambda: launch_arguments.log_level("log_level", "chatty"), "one of: debug, info"),
        (
            lambda: launch_arguments.number("domain", "1.5", 0, 101, whole=True),
            "a whole number from 0 to 101",
        ),
        (
            lambda: launch_arguments.camera_topics("image_topic", "/a b", ("",)),
            "'image_topic' is '/a b'",
        ),
        (
            lambda: launch_arguments.camera_topics("image_topic", "", ("",)),
            "must be a topic's name",
        ),
        (
            lambda: launch_arguments.camera_topics("image_topic", "/{camera}/image", ("",)),
            "there are no names to put for {camera}",
        ),
        (
            lambda: launch_arguments.camera_topics("image_topic", "/image", ("front", "rear")),
            "'/image' would be that of front, rear",
        ),
        (lambda: launch_arguments.namespace("namespace", "/a//b"), "'namespace' is '/a//b'"),
        (lambda: launch_arguments.frame("camera_frame", "my camera"), "without blanks"),
    ],
)
def test_an_error_names_the_argument_and_what_would_be_right(check, words):
    with pytest.raises(ArgumentError, match=r"^argument '") as caught:
        check()
    assert words in str(caught.value)


def test_a_logger_may_have_a_level_of_its_own():
    assert launch_arguments.log_level("log_level", "rcl:=debug") == "rcl:=debug"


@pytest.mark.parametrize(
    ("text", "absolute"), [("", ""), ("/", ""), ("front", "/front"), ("/car/front/", "/car/front")]
)
def test_a_namespace_is_absolute_or_empty(text, absolute):
    assert launch_arguments.namespace("namespace", text) == absolute


def test_a_bundle_is_looked_for(tmp_path):
    with pytest.raises(ArgumentError, match="there is no such directory"):
        launch_arguments.folder("bundle", str(tmp_path / "nowhere"), holding="manifest.json")
    with pytest.raises(ArgumentError, match=r"holds no manifest\.json"):
        launch_arguments.folder("bundle", str(tmp_path), holding="manifest.json")


def test_numbers_need_not_have_an_end():
    assert launch_arguments.number("rate", "2", 1e-6, math.inf) == 2.0
