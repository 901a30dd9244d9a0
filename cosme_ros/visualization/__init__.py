# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures for people: one set of colours and captions for reports, videos and snapshots.

No ROS and no recording is known here: functions take arrays and give pictures.
"""
