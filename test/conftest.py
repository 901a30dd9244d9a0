# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is tested where: the vehicle half everywhere, the other parts where they can run at all."""

import signal
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

TESTS = Path(__file__).parent
# The repository, the package `helpers`, and the benchmark's files. Not by pytest's setting
# `pythonpath`, which Ubuntu 22.04's pytest 6.2 does not have.
FOLDERS = [TESTS.parent, TESTS, TESTS / "benchmark"]
sys.path[:0] = [str(folder) for folder in FOLDERS if str(folder) not in sys.path]

from helpers.needed_packages import missing_packages  # noqa: E402

# A shell starts what runs in the background with SIGINT ignored, and children inherit that: tests
# that interrupt a process would then interrupt nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A vehicle has ROS and no PyTorch, a training workstation the reverse.
NEEDS = {"training": "torch", "benchmark": "torch", "node": "rclpy", "attack": "rclpy"}
collect_ignore = [folder for folder, module in NEEDS.items() if find_spec(module) is None]


def pytest_report_header() -> list[str]:
    return [f"not run: test/{folder}, which needs {NEEDS[folder]}" for folder in collect_ignore]


def pytest_collectstart(collector: Any) -> None:
    """Skip a file by its name where it needs packages that are not there."""
    if isinstance(collector, pytest.Module):
        file = Path(str(getattr(collector, "path", None) or collector.fspath))  # fspath: pytest 6
        missing = missing_packages(file, FOLDERS)
        if missing:
            collector.collect = partial(_skip, f"{file.name} needs {', '.join(missing)}")


def _skip(reason: str) -> NoReturn:
    pytest.skip(reason, allow_module_level=True)
