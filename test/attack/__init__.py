# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is done to the detector on purpose, before each release: `make attack`."""
