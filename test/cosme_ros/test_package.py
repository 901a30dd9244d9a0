# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The package as ROS and pip see it."""

import re
import runpy
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cosme_ros.__main__ as commands
from cosme_ros.missing_packages import PACKAGES, ROS_PACKAGES

REPOSITORY = Path(__file__).parents[2]
MANIFEST = ElementTree.parse(REPOSITORY / "package.xml").getroot()


@pytest.fixture
def setup_arguments(monkeypatch):
    setuptools = pytest.importorskip("setuptools")
    caught = {}
    monkeypatch.setattr(setuptools, "setup", caught.update)
    monkeypatch.chdir(REPOSITORY)
    runpy.run_path("setup.py")
    return caught


def test_both_files_agree(setup_arguments):
    for key in ("name", "version", "license"):
        assert MANIFEST.findtext(key) == setup_arguments[key]
    (maintainer,) = MANIFEST.findall("maintainer")
    assert maintainer.text == setup_arguments["maintainer"]
    assert maintainer.get("email") == setup_arguments["maintainer_email"]


def test_everything_ros_needs_is_installed(setup_arguments):
    installed = dict(setup_arguments["data_files"])
    assert installed["share/ament_index/resource_index/packages"] == ["resource/cosme_ros"]
    assert installed["share/cosme_ros"] == ["package.xml"]
    assert {"launch/detector.launch.py", "launch/replay.launch.py"} <= set(
        installed["share/cosme_ros/launch"]
    )
    assert {
        "config/detector.yaml",
        "config/cosme.rviz",
        "config/cosme_foxglove.json",
        "config/fastdds_large_images.xml",
    } <= set(installed["share/cosme_ros/config"])
    assert setup_arguments["package_data"] == {
        "cosme_ros": [
            "py.typed",
            "bundle/bundle_schema.json",
            "reporting/*.j2",
            "watching/*.html",
        ]
    }


def test_neither_ros_nor_the_training_half_is_forced_on_a_machine(setup_arguments):
    assert not [name for name in setup_arguments["packages"] if name.startswith("training")]
    forced = " ".join(setup_arguments["install_requires"])
    assert not re.search("ros-|opencv|onnxruntime|torch", forced)


def test_ros_wheels_are_pinned(setup_arguments):
    pins = setup_arguments["extras_require"]["ros"]
    assert all(re.fullmatch(r"ros-[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
    assert {"ros-rclpy", "ros-rmw-fastrtps-cpp", "ros-sensor-msgs", "ros-diagnostic-msgs"} <= {
        pin.split("==")[0] for pin in pins
    }


def test_entry_points_lead_somewhere(setup_arguments):
    entries = setup_arguments["entry_points"]["console_scripts"]
    assert {entry.split(" = ")[0] for entry in entries} == set(commands.COMMANDS)
    for entry in entries:
        name, target = entry.split(" = ")
        assert target == f"cosme_ros.__main__:{name}"
        assert getattr(commands, name).args == (name,)
        file = REPOSITORY / (commands.MODULES[name].replace(".", "/") + ".py")
        assert re.search(r"^(def main\(|main = )", file.read_text(), re.M), name


def test_every_condition_of_a_dependency_leaves_one_onnx_runtime():
    keys = {
        dependency.get("condition"): dependency.text
        for dependency in MANIFEST.findall("exec_depend")
        if dependency.text.startswith("python3-onnxruntime")
    }
    assert len(keys) == 3 and None not in keys


def test_every_package_that_the_vehicle_half_imports_is_declared():
    declared = {
        dependency.text
        for kind in ("depend", "exec_depend")
        for dependency in MANIFEST.findall(kind)
    }
    assert {package.apt for package in PACKAGES.values() if package.apt} <= declared | {
        "python3-lz4",  # python3-rosbags-pip and mcap bring both
        "python3-zstandard",
    }
    assert declared >= ROS_PACKAGES - {"builtin_interfaces"}
    assert "rviz2" not in declared


def test_the_source_distribution_holds_what_setup_and_training_need(tmp_path):
    # In a copy: setuptools writes into the folder that it packs.
    copy = tmp_path / "checkout"
    shutil.copytree(
        REPOSITORY,
        copy,
        ignore=shutil.ignore_patterns(".*", "demo", "test", "*_output", "build", "*.egg-info"),
    )
    subprocess.run(
        [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(tmp_path)],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.split("/", 1)[1] for name in packed.getnames() if "/" in name}
    assert {
        "ros_kilted_constraints.txt",
        "cosme_ros/watching/page.html",
        "cosme_ros/bundle/bundle_schema.json",
        "training/__main__.py",
    } <= names
