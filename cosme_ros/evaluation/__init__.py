# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judges a detector on recorded drives, without ROS: every frame, in order, the same every time."""
