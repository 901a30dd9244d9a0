# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest

from cosme_ros import topics


@pytest.mark.parametrize(
    ("name", "namespace", "topic"),
    [
        ("~/input/image", "", "/cosme_detector/input/image"),
        ("~/input/image", "/front", "/front/cosme_detector/input/image"),
        ("~/input/image", "/", "/cosme_detector/input/image"),
        ("relative", "/front", "/front/relative"),
        (topics.DIAGNOSTICS, "/front", "/diagnostics"),
    ],
)
def test_names_resolve_as_in_ros(name, namespace, topic):
    assert topics.resolve(name, namespace=namespace) == topic


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
    assert topics.cameras(text) == cameras


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
        topics.cameras(text)
    assert words in str(caught.value)


def test_ros_takes_the_names_that_are_taken_here():
    ros = pytest.importorskip("rclpy.validate_topic_name")
    for camera in topics.cameras("front,rear_left,_2,x9_,A"):
        assert ros.validate_topic_name(topics.of_camera(topics.INPUT_IMAGE, camera))


def test_each_camera_has_the_topics_under_its_own_name():
    assert topics.of_camera(topics.OUTPUT_SCORE, "front") == "~/front/output/anomaly_score"
    assert topics.of_camera(topics.OUTPUT_SCORE, topics.ONLY_CAMERA) == topics.OUTPUT_SCORE
    resolved = topics.resolve(topics.of_camera(topics.INPUT_IMAGE, "rear"), namespace="/car")
    assert resolved == "/car/cosme_detector/rear/input/image"


def test_a_topic_outside_is_told_for_each_camera():
    assert topics.of_each_camera("/{camera}/image_{camera}", ("a", "b")) == {
        "a": "/a/image_a",
        "b": "/b/image_b",
    }
    assert topics.of_each_camera("/image", (topics.ONLY_CAMERA,)) == {topics.ONLY_CAMERA: "/image"}
    assert topics.of_each_camera("/image", ("front",)) == {"front": "/image"}
    with pytest.raises(
        ValueError, match=r"'/image' would be that of front, rear; one with \{camera\}"
    ):
        topics.of_each_camera("/image", ("front", "rear"))


TOPICS = ("/camera/image_raw", "image", "~/input/image", "/a/_b/c1", "/x", "a__b")
NO_TOPICS = ("", "/", "/a b", "//image_raw", "/a/", "/1a", "/{camera}/image", "/a-b", "~")


def test_topics_are_told_from_what_is_none():
    for text in TOPICS:
        assert topics.check_topic(text) == text
    for text in NO_TOPICS:
        with pytest.raises(ValueError, match="must be a topic's name"):
            topics.check_topic(text)


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
    assert topics.status("/cosme_detector") == "/cosme_detector: detection"
    assert (
        topics.status("/car/cosme_detector", "front") == "/car/cosme_detector: detection of front"
    )
