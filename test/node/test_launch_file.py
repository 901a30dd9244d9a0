"""The launch file: its text everywhere, its actions where ROS's own `launch` is installed."""

import ast
import json
import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cosme_ros import names
from cosme_ros.diagnostic_report import Configured, report
from cosme_ros.frame_statistics import FrameStatistics, Processed
from cosme_ros.parameters import PARAMETERS_BY_NAME

REPOSITORY = Path(__file__).parents[2]
LAUNCH_FILE = REPOSITORY / "launch" / "detector.launch.py"
SHOWN = (names.OUTPUT_SCORE, names.OUTPUT_MASK, names.OUTPUT_OVERLAY, names.OUTPUT_MARKERS)
ARGUMENTS = {
    "bundle",
    "image_topic",
    "image_transport",
    "provider",
    "false_positive_rate",
    "region",
    "cameras",
    "autostart",
    "rviz",
    "namespace",
    "params_file",
    "log_level",
    "camera_info_topic",
    "camera_frame",
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
        *map(names.resolve, SHOWN),
    }
    assert len({display["Name"] for display in displays}) == len(displays)


def test_rviz_has_a_place_for_every_picture() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    state = bytes.fromhex(config["Window Geometry"]["QMainWindow State"])
    for display in config["Visualization Manager"]["Displays"]:
        if display["Class"] in ("rviz_default_plugins/Image", "rviz_default_plugins/Camera"):
            name = display["Name"].encode("utf-16-be")  # as Qt writes a QString, after its length
            assert len(name).to_bytes(4, "big") + name in state


def test_rviz_shows_the_alarm_line_in_the_middle_of_its_grey() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    (score,) = [
        display
        for display in config["Visualization Manager"]["Displays"]
        if display["Topic"]["Value"] == names.resolve(names.OUTPUT_SCORE)
    ]
    assert (score["Min Value"], score["Max Value"], score["Normalize Range"]) == (0, 2, False)


def test_rviz_shows_the_markers_over_the_camera() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    by_class = {d["Class"]: d for d in config["Visualization Manager"]["Displays"]}
    markers = by_class["rviz_default_plugins/MarkerArray"]
    assert markers["Topic"]["Value"] == names.resolve(names.OUTPUT_MARKERS)
    assert by_class["rviz_default_plugins/Camera"]["Visibility"][markers["Name"]]


def test_foxglove_shows_the_topics_of_the_node_and_every_panel_it_configures() -> None:
    layout = json.loads((REPOSITORY / "config" / "cosme_foxglove.json").read_text())
    panels = layout["configById"]
    assert sorted(panels) == sorted(leaves(layout["layout"]))
    images = [panel["imageMode"] for panel in panels.values() if "imageMode" in panel]
    markers = {topic for panel in panels.values() for topic in panel.get("topics", {})}
    assert {mode["imageTopic"] for mode in images} | markers == {
        "/camera/image_raw",
        *map(names.resolve, SHOWN),
    }
    (score,) = [m for m in images if m["imageTopic"] == names.resolve(names.OUTPUT_SCORE)]
    assert (score["minValue"], score["maxValue"]) == (0, 2)


def leaves(layout) -> list[str]:
    if isinstance(layout, str):
        return [layout]
    return [*leaves(layout["first"]), *leaves(layout["second"])]


def test_foxglove_plots_values_that_the_diagnostics_have() -> None:
    layout = json.loads((REPOSITORY / "config" / "cosme_foxglove.json").read_text())
    statistics = FrameStatistics()
    statistics.receive()
    statistics.process(Processed(0.01, 0.02, 0.03, drift_share=0.0, mask_withheld=False))
    told = report(
        state="active",
        refusal=None,
        configured=Configured("b", "cpu", 0.001, 1.0, 0.01),
        snapshot=statistics.snapshot(),
        silence=None,
    ).values
    status = f"{names.resolve(names.DETECTOR_NODE)}: detection"
    plotted = [
        path["value"] for panel in layout["configById"].values() for path in panel.get("paths", ())
    ]
    assert plotted
    for path in plotted:
        found = re.fullmatch(
            r'/diagnostics\.status\[:\]\{name=="(.+)"\}\.values\[:\]\{key=="(.+)"\}\.value', path
        )
        assert found, path
        assert found[1] == status
        assert found[2] in told


@pytest.mark.parametrize(
    ("image_topic", "beside"),
    [
        ("/camera/image_raw", "/camera/camera_info"),
        ("/front/image_rect/compressed", "/front/camera_info"),
        ("image", "/camera_info"),
    ],
)
def test_camera_info_is_looked_for_beside_the_image(image_topic: str, beside: str) -> None:
    assert function("camera_info_beside")(image_topic) == beside


@pytest.mark.parametrize(
    ("cameras", "topics"),
    [
        ("", ["/camera/image_raw"]),
        ("front,rear", ["/front/image_raw", "/rear/image_raw"]),
    ],
)
def test_images_are_looked_for_where_drivers_publish_them(cameras: str, topics: list[str]) -> None:
    found = names.cameras(cameras)
    pattern = function("image_topic_of")(found)
    assert list(names.of_each_camera(pattern, found).values()) == topics


def function(name: str):
    """One of the launch file, without ROS's `launch`."""
    (definition,) = [
        node
        for node in ast.parse(LAUNCH_FILE.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    space: dict = {"names": names}
    exec(compile(ast.Module([definition], []), str(LAUNCH_FILE), "exec"), space)
    return space[name]


def test_dds_profile_is_the_default_and_has_room_for_large_images():
    root = ElementTree.parse(REPOSITORY / "config" / "fastdds_large_images.xml").getroot()
    space = {"dds": root.tag.split("}")[0].strip("{")}
    participant = root.find("dds:participant", space)
    assert participant.get("is_default_profile") == "true"
    image_4k = 3840 * 2160 * 3
    assert int(root.findtext(".//dds:segment_size", namespaces=space)) > 2 * image_4k
    assert int(root.findtext(".//dds:maxMessageSize", namespaces=space)) > image_4k
    pieces = int(root.findtext(".//dds:port_queue_capacity", namespaces=space))
    assert pieces * 65_500 > 10 * image_4k
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

    @pytest.mark.parametrize(
        ("given", "image", "info"),
        [
            ({}, {"": "/camera/image_raw"}, {"": "/camera/camera_info"}),
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
        ],
    )
    def test_every_cameras_inputs_are_remapped(self, given, image, info):
        from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

        context = self.context(**given)
        detector, _ = self.module["nodes"](context)
        remapped = {
            tuple(
                perform_substitutions(context, normalize_to_list_of_substitutions(side))
                for side in rule
            )
            for rule in detector._Node__remappings
        }
        assert remapped == {
            (names.of_camera(name, camera), topic)
            for name, topics in ((names.INPUT_IMAGE, image), (names.INPUT_CAMERA_INFO, info))
            for camera, topic in topics.items()
        }

    def test_cameras_that_would_share_a_topic_are_refused(self):
        with pytest.raises(ValueError, match="would be that of front, rear"):
            self.module["nodes"](self.context(cameras="front,rear", image_topic="/image"))
