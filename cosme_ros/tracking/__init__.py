# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which obstacle is which over time: stable ids, age, confirmation by k of n frames, speed."""
