# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The bundle and the bag that the repository ships, made from synthetic streets alone."""
