# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Files of ROS parameters, read as the node is given them."""

from pathlib import Path

import pytest

from cosme_ros.launching.parameter_file import ParameterFileError, parameters_in

DEFAULTS = Path(__file__).parents[3] / "config" / "detector.yaml"


def read(folder: Path, text: str, node: str = "/front/cosme_detector") -> dict:
    file = folder / "parameters.yaml"
    file.write_text(text, encoding="utf-8")
    return parameters_in(file, node)


@pytest.mark.parametrize(
    "name",
    [
        "/**",
        "/front/cosme_detector",
        "/*/cosme_detector",
        "/**/cosme_detector",
        "/front/*",
    ],
)
def test_names_and_wildcards_fit_as_in_rcl(tmp_path, name):
    assert read(tmp_path, f"{name}:\n  ros__parameters:\n    cameras: a\n") == {"cameras": "a"}


def test_rcl_reads_wildcards_alike(tmp_path):
    """The real one, with the real node's name."""
    rclpy = pytest.importorskip("rclpy")
    for name in ("/**", "/*/cosme_detector", "/**/cosme_detector", "/*", "other", "/front/**"):
        text = f"{name}:\n  ros__parameters:\n    cameras: a\n"
        ours = bool(read(tmp_path, text))
        context = rclpy.Context()
        file = tmp_path / "parameters.yaml"
        rclpy.init(args=["--ros-args", "--params-file", str(file)], context=context)
        node = rclpy.create_node("cosme_detector", namespace="/front", context=context)
        try:
            node.declare_parameter("cameras", "")
            assert bool(node.get_parameter("cameras").value) == ours, name
        finally:
            node.destroy_node()
            rclpy.shutdown(context=context)


def test_namespaces_may_be_nested_and_others_nodes_are_left_out(tmp_path):
    text = """
front:
  cosme_detector:
    ros__parameters: {cameras: a}
/rear/cosme_detector:
  ros__parameters: {cameras: b}
"""
    assert read(tmp_path, text) == {"cameras": "a"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: a\n", "has no parameters: no `ros__parameters:` under the name of a node"),
        ("[", "cannot be read: "),
        ("/**:\n  ros__parameters:\n    threads: two\n", "'threads', which is 'two', but must be"),
        ("/**:\n  ros__parameters:\n    false_positive_rate: 1\n", "must be of type float"),
        ("/**:\n  ros__parameters:\n    region: moon\n", "one of: everything, drivable"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, words):
    with pytest.raises(ParameterFileError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ParameterFileError, match="cannot be read"):
        parameters_in(tmp_path / "none.yaml", "/cosme_detector")


def test_the_package_s_own_file_is_read():
    assert parameters_in(DEFAULTS, "/cosme_detector")["image_transport"] == "raw"
