# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest

from cosme_ros import names


@pytest.mark.parametrize(
    ("name", "namespace", "topic"),
    [
        ("~/input/image", "", "/cosme_detector/input/image"),
        ("~/input/image", "/front", "/front/cosme_detector/input/image"),
        ("~/input/image", "/", "/cosme_detector/input/image"),
        ("relative", "/front", "/front/relative"),
        (names.DIAGNOSTICS, "/front", "/diagnostics"),
    ],
)
def test_names_resolve_as_in_ros(name, namespace, topic):
    assert names.resolve(name, namespace=namespace) == topic


@pytest.mark.parametrize(
    ("text", "cameras"),
    [
        ("", ("",)),
        ("  ", ("",)),
        ("front", ("front",)),
        ("front,rear_left,_2", ("front", "rear_left", "_2")),
        (" front , rear ", ("front", "rear")),
    ],
)
def test_cameras_are_named_in_one_string(text, cameras):
    assert names.cameras(text) == cameras


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("front,", "'' cannot be"),
        ("front,,rear", "'' cannot be"),
        ("2nd", "'2nd' cannot be"),
        ("front/left", "'front/left' cannot be"),
        ("front-left", "'front-left' cannot be"),
        ("a__b", "'a__b' cannot be"),
        ("front left", "'front left' cannot be"),
        ("für", "'für' cannot be"),
        ("front,rear, front", "'front' is there twice"),
    ],
)
def test_what_cannot_be_part_of_a_topic_is_refused(text, words):
    with pytest.raises(ValueError, match="cameras") as caught:
        names.cameras(text)
    assert words in str(caught.value)


def test_ros_takes_the_names_that_are_taken_here():
    topics = pytest.importorskip("rclpy.validate_topic_name")
    for camera in names.cameras("front,rear_left,_2,x9_,A"):
        assert topics.validate_topic_name(names.of_camera(names.INPUT_IMAGE, camera))


def test_each_camera_has_the_topics_under_its_own_name():
    assert names.of_camera(names.OUTPUT_SCORE, "front") == "~/front/output/anomaly_score"
    assert names.of_camera(names.OUTPUT_SCORE, names.ONLY_CAMERA) == names.OUTPUT_SCORE
    resolved = names.resolve(names.of_camera(names.INPUT_IMAGE, "rear"), namespace="/car")
    assert resolved == "/car/cosme_detector/rear/input/image"


def test_a_topic_outside_is_told_for_each_camera():
    assert names.of_each_camera("/{camera}/image_{camera}", ("a", "b")) == {
        "a": "/a/image_a",
        "b": "/b/image_b",
    }
    assert names.of_each_camera("/image", (names.ONLY_CAMERA,)) == {names.ONLY_CAMERA: "/image"}
    assert names.of_each_camera("/image", ("front",)) == {"front": "/image"}
    with pytest.raises(
        ValueError, match=r"'/image' would be that of front, rear; one with \{camera\}"
    ):
        names.of_each_camera("/image", ("front", "rear"))


TOPICS = ("/camera/image_raw", "image", "~/input/image", "/a/_b/c1", "/x", "a__b")
NO_TOPICS = ("", "/", "/a b", "//image_raw", "/a/", "/1a", "/{camera}/image", "/a-b", "~")


def test_topics_are_told_from_what_is_none():
    for text in TOPICS:
        assert names.check_topic(text) == text
    for text in NO_TOPICS:
        with pytest.raises(ValueError, match="must be a topic's name"):
            names.check_topic(text)


def test_ros_agrees_what_a_topic_is():
    rclpy = pytest.importorskip("rclpy.validate_topic_name")
    exceptions = pytest.importorskip("rclpy.exceptions")
    for text in TOPICS:
        assert rclpy.validate_topic_name(text)
    # What ROS takes here: substitutions in braces, the node's own name, and slashes that it refuses
    # once the name is whole.
    for text in set(NO_TOPICS) - {"/{camera}/image", "~", "//image_raw"}:
        with pytest.raises(exceptions.InvalidTopicNameException):
            rclpy.validate_topic_name(text)


def test_entries_on_diagnostics_are_told_apart():
    assert names.status("/cosme_detector") == "/cosme_detector: detection"
    assert names.status("/car/cosme_detector", "front") == "/car/cosme_detector: detection of front"
