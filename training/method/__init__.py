# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""CosMe as the paper has it and as the default has it: memory, student, consensus, graphs."""
