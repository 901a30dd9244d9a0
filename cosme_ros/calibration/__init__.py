# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Choose the alarm threshold for a rate of false alarms, from drives without anomalies."""
