# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From arriving frames to outputs: queue, worker, statistics, diagnostics. No ROS."""
