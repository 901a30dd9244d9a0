# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a score map to obstacles: region, mask, outline, history."""
