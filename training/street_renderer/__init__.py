# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parts of a procedural street: geometry, surfaces, things on it, light and sensor."""
