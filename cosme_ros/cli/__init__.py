# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The commands: each parses its arguments, calls an API of this package and prints the result."""
