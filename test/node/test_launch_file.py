"""The launch file: its text everywhere, its actions where ROS's own `launch` is installed."""

import ast
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cosme_ros import names
from cosme_ros.parameters import PARAMETERS_BY_NAME

REPOSITORY = Path(__file__).parents[2]
LAUNCH_FILE = REPOSITORY / "launch" / "detector.launch.py"
ARGUMENTS = {
    "bundle",
    "image_topic",
    "image_transport",
    "provider",
    "false_positive_rate",
    "region",
    "autostart",
    "rviz",
    "namespace",
    "params_file",
    "log_level",
}


def constant(name):
    """The keys and first tuple entries of a module-level dict of the launch file, unevaluated."""
    for node in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return {
                key.value: ast.unparse(value.elts[0])
                for key, value in zip(node.value.keys, node.value.values, strict=True)
            }
    raise AssertionError(f"the launch file has no {name}")


def test_arguments_are_the_promised_ones():
    assert set(constant("PARAMETER_ARGUMENTS")) | set(constant("OTHER_ARGUMENTS")) == ARGUMENTS


def test_parameter_arguments_are_parameters_of_their_type():
    for name, kind in constant("PARAMETER_ARGUMENTS").items():
        assert kind == type(PARAMETERS_BY_NAME[name].default).__name__


def test_rviz_shows_the_topics_of_the_node():
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    displays = config["Visualization Manager"]["Displays"]
    assert {display["Topic"]["Value"] for display in displays} == {
        "/camera/image_raw",
        *map(names.resolve, (names.OUTPUT_SCORE, names.OUTPUT_MASK, names.OUTPUT_OVERLAY)),
    }


def test_dds_profile_is_the_default_and_has_room_for_large_images():
    root = ElementTree.parse(REPOSITORY / "config" / "fastdds_large_images.xml").getroot()
    space = {"dds": root.tag.split("}")[0].strip("{")}
    participant = root.find("dds:participant", space)
    assert participant.get("is_default_profile") == "true"
    assert int(root.findtext(".//dds:segment_size", namespaces=space)) == 32 << 20
    assert int(root.findtext(".//dds:maxMessageSize", namespaces=space)) == 16 << 20
    defined = {e.text for e in root.findall("dds:transport_descriptors//dds:transport_id", space)}
    used = {e.text for e in participant.findall(".//dds:transport_id", space)}
    assert used == defined


class TestWithLaunch:
    """Skipped where ROS's `launch` is not installed (PyPI's package of that name is another)."""

    @pytest.fixture(autouse=True)
    def launch_file(self):
        pytest.importorskip("launch.actions", exc_type=ImportError)
        pytest.importorskip("launch_ros.actions", exc_type=ImportError)
        packages = pytest.importorskip("ament_index_python.packages")
        try:
            packages.get_package_share_directory("cosme_ros")
        except packages.PackageNotFoundError:
            pytest.skip("cosme_ros is not installed by colcon, or its setup.bash is not sourced")
        self.module = runpy.run_path(str(LAUNCH_FILE))

    def context(self, **arguments):
        from launch import LaunchContext

        context = LaunchContext()
        for action in self.module["generate_launch_description"]().entities:
            if type(action).__name__ == "DeclareLaunchArgument":
                name = action.name
                context.launch_configurations[name] = arguments.get(
                    name, action.default_value[0].text if action.default_value else ""
                )
        return context

    def test_description_is_made_and_declares_every_argument(self):
        assert set(self.context().launch_configurations) == ARGUMENTS

    def test_only_given_arguments_override_the_file(self):
        from launch_ros.utilities import evaluate_parameters

        for given, expected in (
            ({}, []),
            (
                {"false_positive_rate": "1e-3", "autostart": "false", "bundle": "12"},
                [{"false_positive_rate": 1e-3, "autostart": False, "bundle": "12"}],
            ),
        ):
            context = self.context(**given)
            detector, _ = self.module["nodes"](context)
            parameters = evaluate_parameters(context, detector._Node__parameters)
            assert [p for p in parameters if isinstance(p, dict)] == expected
