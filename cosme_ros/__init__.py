# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""CosMe on the vehicle: anomaly scores and obstacles from camera frames, by NumPy and ONNX Runtime.

Only the `*_node.py` modules import rclpy; everything else runs without ROS.
"""

from cosme_ros.missing_packages import explain_missing_packages

__version__ = "0.1.0"

explain_missing_packages()
