# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recorded drives: reading, recovering what is damaged, joining images with labels. No ROS."""
