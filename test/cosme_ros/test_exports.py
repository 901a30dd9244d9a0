# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What `import cosme_ros` offers, and what it does not load."""

import subprocess
import sys
from importlib import import_module

import pytest

import cosme_ros

HEAVY = ("cv2", "onnxruntime", "rclpy", "torch", "rosbags")


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, cosme_ros; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "cosme_ros" in loaded
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("name", cosme_ros.__all__)
def test_every_export_is_that_of_its_module(name):
    for needed in ("cv2", "onnxruntime"):
        pytest.importorskip(needed)
    found = getattr(cosme_ros, name)
    assert found is getattr(import_module(found.__module__), name)
    assert name in dir(cosme_ros)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        cosme_ros.frobnicate  # noqa: B018
    with pytest.raises(ImportError):
        from cosme_ros import frobnicate  # noqa: F401
