# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Imports cv_bridge only where that cannot end the process.

A cv_bridge that was built for NumPy 1 can end a process under NumPy 2: its binary writes through
addresses that have moved, and no `except` sees that. ROS 2 Humble's is built so, and `pip` brings
NumPy 2 along with many packages. So another process imports it first.
"""

import functools
import subprocess
import sys
from typing import Any

# Converting an image, because not all of the binary is reached by importing it.
_TRIAL = (
    "from cv_bridge import CvBridge; from sensor_msgs.msg import Image; "
    "CvBridge().imgmsg_to_cv2(Image(height=1, width=1, step=6, encoding='bgr16', "
    "data=bytes(6)), 'bgr8')"
)
_PATIENCE = 60.0  # seconds; an import from a cold disk takes some


class CvBridgeUnusableError(Exception):
    """cv_bridge is not there, or does not run here; the sentence says which."""


def cv_bridge() -> Any:
    """Return a `CvBridge`.

    The first call takes a second or so; the others repeat its outcome.

    Raises:
        CvBridgeUnusableError: It is not installed, or importing it raises or ends the process.
    """
    defect = _defect()
    if defect:
        raise CvBridgeUnusableError(defect)
    from cv_bridge import CvBridge

    return CvBridge()


@functools.cache
def _defect() -> str:
    """Return why cv_bridge does not work in this environment; empty if it converts an image."""
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it was tried in a process of its own, and {error}"
    last = trial.stderr.strip().rpartition("\n")[2].strip()
    if trial.returncode < 0:
        return (
            f"it ends the process with signal {-trial.returncode}, as one does that was built for "
            "another NumPy; 'numpy<2' suits one that was built for NumPy 1"
        )
    return last if trial.returncode else ""
