# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Numbers of channels under a width factor."""

CHANNEL_MULTIPLE = 8
"""Vector units and blocked convolution kernels take channels by eights."""


def scaled(channels: int, width: float) -> int:
    """`channels * width`, rounded to a multiple of CHANNEL_MULTIPLE, never below it."""
    return max(CHANNEL_MULTIPLE, CHANNEL_MULTIPLE * round(channels * width / CHANNEL_MULTIPLE))
