# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the launch files are made of. Only `launch_actions` and `launch_outcome` import ROS."""
