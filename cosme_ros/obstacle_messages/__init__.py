# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles as ROS messages, without importing ROS."""
