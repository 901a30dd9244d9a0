# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Adaptation on the vehicle: places that a person marks as normal join the prototype banks."""
