# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames and labels: published sets, folders, bags, synthetic streets, composited anomalies."""
