# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How much goes into the demo's training; no PyTorch here, so that `demo --help` is quick."""

TEACHER_STEPS = 2000
FRAMES = 4800
