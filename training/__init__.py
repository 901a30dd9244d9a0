# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The workstation half of cosme_ros: trains teachers, fits memory and student, writes bundles."""

import cosme_ros  # noqa: F401 (from here on a missing package is reported in a sentence)
