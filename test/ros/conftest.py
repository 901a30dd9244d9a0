# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""With a real ROS: `make test-ros UNDERLAY=DIR`, see docs/testing_with_ros2.md."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ros2_workspace import Shell, Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Workspace:
    underlay = os.environ.get("UNDERLAY")
    if not underlay:
        pytest.skip("no real ROS: make test-ros UNDERLAY=DIR (docs/testing_with_ros2.md)")
    return Workspace(Path(underlay).resolve(), tmp_path_factory.mktemp("workspace"))


@pytest.fixture
def shell(workspace: Workspace, tmp_path: Path) -> Iterator[Shell]:
    """For one test; whatever it left running is ended."""
    shell = Shell(workspace, tmp_path)
    yield shell
    shell.close()
