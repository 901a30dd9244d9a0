#!/usr/bin/env bash
# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0
set -e
source "/opt/ros/${ROS_DISTRO}/setup.bash"
source /workspace/install/setup.bash
exec "$@"
