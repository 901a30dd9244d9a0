# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Arrays to ROS messages and back, without importing ROS."""
