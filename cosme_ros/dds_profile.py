# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The Fast DDS profile for images of several megabytes, and the variable that names it."""

import os
import sys
from pathlib import Path

FILE = "fastdds_large_images.xml"
# Fast DDS 3 (Kilted and later) warns where the variable of Fast DDS 2 is set beside its own.
_FAST_DDS_2 = "FASTRTPS_DEFAULT_PROFILES_FILE"
_FAST_DDS_3 = "FASTDDS_DEFAULT_PROFILES_FILE"
_WITH_FAST_DDS_2 = ("humble", "iron", "jazzy")


def profile_variable() -> str:
    """Return the environment variable from which this ROS 2's Fast DDS reads its profiles."""
    distribution = os.environ.get("ROS_DISTRO")
    if distribution:
        return _FAST_DDS_2 if distribution in _WITH_FAST_DDS_2 else _FAST_DDS_3
    # ROS from wheels is not sourced; version 2 comes as another wheel than 3.
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("ros-fastrtps")
    except PackageNotFoundError:
        return _FAST_DDS_3
    return _FAST_DDS_2


def profile_path() -> Path:
    """Return where the profile lies: in the checkout, or in the share folder of an installation.

    Raises:
        FileNotFoundError: It is at neither.
    """
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))]
    shares = [Path(prefix, "share", "cosme_ros") for prefix in (*prefixes, sys.prefix)]
    checkout = Path(__file__).resolve().parents[1]
    candidates = [folder / "config" / FILE for folder in (checkout, *shares)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{FILE} is at none of: {', '.join(map(str, candidates))}")
