# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Play a recorded drive into the detector's process and evaluate what it published."""
