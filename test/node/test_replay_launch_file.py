"""The replay's launch file: its text everywhere, its actions where ROS's own `launch` is."""

import ast
import runpy
from pathlib import Path

import pytest
from small_bag import write_small_bag

from cosme_ros import bag_player_node, bag_topics, listeners_node, recorder_node
from cosme_ros.parameters import PARAMETERS_BY_NAME, Settings
from cosme_ros.replay import PLAYERS, Replay

LAUNCH = Path(__file__).parents[2] / "launch"
TREE = ast.parse((LAUNCH / "replay.launch.py").read_text(encoding="utf-8"))
ARGUMENTS = {
    "bag",
    "bundle",
    "out",
    "rate",
    "image_topic",
    "label_topic",
    "provider",
    "false_positive_rate",
    "player",
    "seconds_a_frame",
    "pictures",
    "keep_recording",
    "rviz",
}


def defaults() -> dict[str, str | None]:
    """Of the launch arguments; a constant of another file is looked up in bag_topics."""
    for statement in TREE.body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "ARGUMENTS":
            table = statement.value
            return {
                key.value: getattr(bag_topics, value.elts[0].attr)
                if isinstance(value.elts[0], ast.Attribute)
                else value.elts[0].value
                for key, value in zip(table.keys, table.values, strict=True)
            }
    raise AssertionError("the launch file has no ARGUMENTS")


def included_arguments() -> dict[str, str]:
    """What the detector's launch file is given: name to expression."""
    for call in ast.walk(TREE):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "IncludeLaunchDescription":
            (given,) = (word.value for word in call.keywords if word.arg == "launch_arguments")
            table = given.func.value
            return {
                key.value: ast.unparse(value)
                for key, value in zip(table.keys, table.values, strict=True)
            }
    raise AssertionError("the launch file does not include the detector's")


def test_arguments_are_the_promised_ones() -> None:
    assert set(defaults()) == ARGUMENTS


def test_bag_and_bundle_must_be_given_and_the_rest_are_the_commands_defaults() -> None:
    found = defaults()
    assert [name for name, default in found.items() if default is None] == ["bag", "bundle"]
    assert float(found["false_positive_rate"]) == Settings.false_positive_rate
    assert found["provider"] == Settings.provider
    assert found["player"] in PLAYERS
    assert float(found["rate"]) == 1.0


def test_every_argument_is_used() -> None:
    used = {
        node.slice.value
        for node in ast.walk(TREE)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "given"
    }
    assert used == ARGUMENTS


def test_the_detectors_launch_file_knows_what_it_is_given() -> None:
    text = (LAUNCH / "detector.launch.py").read_text(encoding="utf-8")
    known = {
        key.value
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict)
        for key in statement.value.keys
    }
    given = included_arguments()
    assert set(given) <= known
    # Recorder and judge look for the topics of a node without namespace.
    assert given["namespace"] == "''"


def test_nodes_are_given_parameters_of_the_types_they_declare(tmp_path: Path) -> None:
    """launch_ros takes the type from the value; the nodes refuse another."""
    replay = Replay(
        bundle=tmp_path,
        bag=write_small_bag(tmp_path / "bag", frames=2),
        image_topic=bag_topics.CAMERA_IMAGE,
        label_topic=bag_topics.CAMERA_LABELS,
        provider="cpu",
        false_positive_rate=0.01,
        threads=1,
        rate=1,
        seconds_a_frame=1.0,
    )
    for call, module in (
        (replay.recorder(tmp_path), recorder_node),
        (replay.own_player(), bag_player_node),
        (replay.listeners(), listeners_node),
    ):
        assert call.executable == module.__name__.split(".")[-1]
        for name, value in call.parameters.items():
            assert type(value) is type(module.PARAMETERS[name][0]), name
    for name, value in replay.detector().parameters.items():
        assert type(value) is type(PARAMETERS_BY_NAME[name].default), name


class TestWithLaunch:
    """Skipped where ROS's `launch` is not installed (PyPI's package of that name is another)."""

    @pytest.fixture(autouse=True)
    def launch_file(self):
        pytest.importorskip("launch.actions", exc_type=ImportError)
        pytest.importorskip("launch_ros.actions", exc_type=ImportError)
        self.module = runpy.run_path(str(LAUNCH / "replay.launch.py"))

    def context(self, **given):
        from launch import LaunchContext

        context = LaunchContext()
        for name, (default, _) in self.module["ARGUMENTS"].items():
            context.launch_configurations[name] = str(given.get(name, default))
        return context

    def test_starts_handler_detector_recorder_and_player(self, bundle: Path, tmp_path: Path):
        bag = write_small_bag(tmp_path / "bag", frames=2)
        context = self.context(bag=bag, bundle=bundle, out=tmp_path / "out", player="own")
        kinds = [type(action).__name__ for action in self.module["actions"](context)]
        assert kinds == ["RegisterEventHandler", "IncludeLaunchDescription", "Node", "Node"]
        assert Replay.read(tmp_path / "out").player == "own"

    def test_what_is_wrong_is_raised_before_anything_starts(self, bundle: Path, tmp_path: Path):
        context = self.context(bag=tmp_path / "nowhere", bundle=bundle, out=tmp_path / "out")
        with pytest.raises(Exception, match="nowhere does not exist"):
            self.module["actions"](context)
        assert not (tmp_path / "out").exists()
