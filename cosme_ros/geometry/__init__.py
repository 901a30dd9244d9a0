# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where obstacles stand: from pixels, by the camera's lens and pose, to the ground plane."""
