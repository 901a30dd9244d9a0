# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The block that every head here is made of."""

from torch import nn


def convolution_block(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """Return convolution, batch norm, ReLU; the map keeps its size for an odd `kernel`."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def mean_block(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 1x1 convolution and ReLU for a map of one element, the image's mean.

    No batch norm: with one image a batch it would have nothing to average.
    """
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.ReLU(inplace=True))


CHANNEL_MULTIPLE = 8
"""Vector units and blocked convolution kernels take channels by eights."""


def scaled(channels: int, width: float) -> int:
    """Return `channels * width`, rounded to a multiple of CHANNEL_MULTIPLE, never below it."""
    return max(CHANNEL_MULTIPLE, CHANNEL_MULTIPLE * round(channels * width / CHANNEL_MULTIPLE))
