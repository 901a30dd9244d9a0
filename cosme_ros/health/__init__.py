# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether a camera's frames are like those of calibration: frame-level health. No ROS."""
