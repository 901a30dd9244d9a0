# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Teachers: networks by name, modules of a user's own, checkpoints and public weights."""
