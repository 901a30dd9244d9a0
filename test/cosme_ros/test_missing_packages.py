# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every command without each package that it imports: a sentence, and no traceback."""

import ast
import os
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.needed_packages import third_party

from cosme_ros import missing_packages
from cosme_ros.__main__ import MODULES
from cosme_ros.missing_packages import (
    PACKAGES,
    ROS_PACKAGES,
    TRAINING_PACKAGES,
    MissingPackageError,
    install_command,
    named,
)

REPOSITORY = Path(__file__).parents[2]
KNOWN = {*PACKAGES, *ROS_PACKAGES}
OPTIONAL = {"cv_bridge", "distributed", "onnxruntime_ep_openvino", "ray", "tf2_ros", "vision_msgs"}
OF_LAUNCH = {"launch", "launch_ros"}  # who has `ros2 launch` has them
BROUGHT_BY = {"lz4": "rosbags", "markupsafe": "jinja2"}
# Python imports it at its start where it lies on PYTHONPATH.
BLOCKER = """
import os, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("BLOCKED"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(tmp_path: Path, blocked: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path, "BLOCKED": blocked},
        capture_output=True,
        text=True,
        timeout=120,
    )


def needed_by(command: str) -> set[str]:
    """What importing the module of a command imports at once, by the name of the top."""
    return (
        third_party(REPOSITORY / (MODULES[command].replace(".", "/") + ".py"), (REPOSITORY,))
        & KNOWN
    )


def cases() -> list[tuple[str, str]]:
    """Of each command, and each package: the latter's others have to be there."""
    return [(command, package) for command in MODULES for package in sorted(needed_by(command))]


@pytest.mark.parametrize(("command", "package"), cases())
def test_a_command_without_a_package_says_how_to_install_it(command, package, tmp_path):
    needed = needed_by(command)
    missing = sorted(name for name in needed - {package} if find_spec(name) is None)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    ended = run(tmp_path, package, "-m", "cosme_ros", command, "--help")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"'{package}' is not installed here. Install it: " in ended.stderr


@pytest.mark.parametrize("package", sorted({"typer", "torch", "cv2", "rosbags", "tqdm"}))
def test_training_without_a_package_says_how_to_install_it(package, tmp_path):
    for name in ("typer", "torch"):
        pytest.importorskip(name)
    ended = run(
        tmp_path,
        package,
        *("-m", "training", "make-bag" if package == "rosbags" else "teacher"),
        *(["demo"] if package == "rosbags" else ["synthetic:0"]),
        *("--out", str(tmp_path / "out")),
    )
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert f"'{package}' is not installed here. Install it: " in ended.stderr


def test_every_package_that_is_imported_is_known():
    for half, known in (("cosme_ros", KNOWN), ("training", KNOWN | TRAINING_PACKAGES)):
        imported = {
            name.partition(".")[0]
            for file in (REPOSITORY / half).rglob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom) and node.module and not node.level
                else []
            )
        }
        ours = {"cosme_ros", "training"}
        unknown = imported - set(sys.stdlib_module_names) - ours - OPTIONAL - set(BROUGHT_BY)
        assert unknown - OF_LAUNCH <= known, half


def test_requirements_are_those_of_setup(monkeypatch):
    setuptools = pytest.importorskip("setuptools")
    caught: dict = {}
    monkeypatch.setattr(setuptools, "setup", caught.update)
    monkeypatch.chdir(REPOSITORY)
    runpy.run_path("setup.py")
    extras = caught["extras_require"]
    declared = {*caught["install_requires"], *extras["opencv"], *extras["cpu"], *extras["bags"]}
    assert {package.pip for package in PACKAGES.values()} <= declared
    of_training = {re.split("[<>=]", name)[0].replace("-", "_") for name in extras["training"]}
    assert of_training >= TRAINING_PACKAGES


class TestInstallCommand:
    def test_of_the_systems_python_is_apts_where_apt_has_it(self, monkeypatch):
        monkeypatch.setattr(sys, "prefix", "/usr")
        assert install_command("tqdm") == "sudo apt install python3-tqdm"

    def test_of_the_systems_python_is_pips_where_apt_does_not(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "prefix", "/usr")
        monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
        monkeypatch.setattr("importlib.metadata.version", lambda _: "2.4.0")
        assert install_command("onnxruntime") == "python3 -m pip install onnxruntime"
        (tmp_path / "EXTERNALLY-MANAGED").touch()  # as on Ubuntu 24.04
        assert install_command("onnxruntime") == (
            "PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install onnxruntime"
        )

    def test_leaves_numpy_as_it_is_for_binaries_of_apt(self, monkeypatch):
        monkeypatch.setattr(sys, "prefix", "/usr")
        monkeypatch.setattr("importlib.metadata.version", lambda _: "1.26.4")
        assert install_command("rosbags").endswith("'rosbags>=0.11' 'numpy<2'")

    def test_of_an_environment_is_its_own_pips(self, monkeypatch):
        monkeypatch.setattr(sys, "prefix", "/home/me/venv")
        monkeypatch.setattr("importlib.metadata.version", lambda _: "2.4.0")
        assert install_command("tqdm") == f"{sys.executable} -m pip install tqdm"

    def test_of_a_ros_that_is_not_sourced_is_to_source_it(self, monkeypatch, tmp_path):
        (tmp_path / "jazzy").mkdir()
        (tmp_path / "jazzy" / "setup.bash").touch()
        monkeypatch.setattr(missing_packages, "_ROS", tmp_path)
        monkeypatch.delenv("ROS_DISTRO", raising=False)
        assert install_command("rclpy") == f"source {tmp_path}/jazzy/setup.bash"

    def test_of_a_sourced_ros_is_apts(self, monkeypatch):
        monkeypatch.setenv("ROS_DISTRO", "humble")
        monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
        assert install_command("visualization_msgs") == (
            "sudo apt install ros-humble-visualization-msgs"
        )

    def test_of_what_is_unknown_is_none(self):
        assert install_command("no_such_package") is None


def test_an_import_that_is_named_raises_the_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "rosbags", None)
    with pytest.raises(MissingPackageError, match=r"'rosbags' is not installed here"), named():
        import rosbags  # noqa: F401


def test_an_import_of_something_else_is_left_alone():
    with pytest.raises(ModuleNotFoundError), named():
        import no_such_package  # noqa: F401


def test_a_program_of_somebody_else_keeps_its_traceback(tmp_path):
    program = tmp_path / "my_program.py"
    program.write_text("import cosme_ros.bundle.loading")
    ended = run(tmp_path, "jsonschema", str(program))
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
