# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""CosMe on the vehicle: anomaly scores and obstacles from camera frames, by NumPy and ONNX Runtime.

Only `cosme_ros.node` imports rclpy; everything else runs without ROS.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cosme_ros.missing_packages import explain_missing_packages

if TYPE_CHECKING:
    from cosme_ros.bundle.loading import load_bundle
    from cosme_ros.inference.detector import Detection, Detector
    from cosme_ros.postprocessing.obstacles import find_obstacles

__version__ = "0.1.0"

__all__ = ["Detection", "Detector", "find_obstacles", "load_bundle"]

# Imported when first asked for: launch files and the node's help import this package, and OpenCV
# and ONNX Runtime take a second to load.
_MODULES = {
    "Detection": "cosme_ros.inference.detector",
    "Detector": "cosme_ros.inference.detector",
    "find_obstacles": "cosme_ros.postprocessing.obstacles",
    "load_bundle": "cosme_ros.bundle.loading",
}

explain_missing_packages()


if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> Any:
        """Return one of `__all__`, loaded when it is first asked for (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(_MODULES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
