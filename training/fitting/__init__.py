# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fit memory and student to normal frames, and measure how good the result is."""
