# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cosme_ros.dds_profile import profile_path, profile_variable

# Before the first participant of this process: other machines and other runs are not our business.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# As the launch file does it: frames of megabytes get lost without it.
os.environ[profile_variable()] = str(profile_path())
DOMAINS = iter(1 + (os.getpid() * 7 + offset) % 100 for offset in range(100))

from helpers.detector_process import Camera, DetectorProcess  # noqa: E402
from helpers.tiny_bundle import write_tiny_bundle  # noqa: E402

from cosme_ros import topics  # noqa: E402


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., tuple[Any, ...]]]:
    """Starts a detector and its camera, or cameras, in a domain of their own; ends all with the
    module."""
    with ExitStack() as stack:

        def start_all(camera_transport=None, **parameters):
            domain = next(DOMAINS)
            detector = DetectorProcess(tmp_path_factory.mktemp("detector"), domain, **parameters)
            stack.callback(detector.stop)
            transport = camera_transport or parameters.get("image_transport", "raw")
            cameras = []
            for name in topics.cameras(parameters.get("cameras", "")):
                cameras.append(Camera(domain, image_transport=transport, name=name))
                stack.callback(cameras[-1].close)
            return detector, *cameras

        yield start_all
