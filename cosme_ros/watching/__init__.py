# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Watch a detector at work in a browser: a page on this machine, without ROS."""
