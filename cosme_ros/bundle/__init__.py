# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The contract between training and vehicle: manifest, graphs and prototypes in one directory."""
