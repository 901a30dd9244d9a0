# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the method asks of a segmentation network, whoever wrote it."""

from typing import Any

import torch
from torch import nn


class Teacher(nn.Module):
    """A segmentation network whose layers can be read by name.

    Memory, student, export and baselines use nothing but what is here. A class and not a
    protocol, because they also move, freeze, hash and export it, which takes an `nn.Module`.

    Attributes:
        mean: per channel, RGB, of pixels in 0..1.
        standard_deviation: per channel, RGB, of pixels in 0..1.
        channels: of each layer, by name; `lh` and `o` are always among them.
        strides: of each layer, by name: pixels of the input a step on its grid.
        settings: what it takes beside architecture, width and classes to build it again;
            numbers, texts, lists and dictionaries of them.
    """

    mean: tuple[float, float, float]
    standard_deviation: tuple[float, float, float]
    channels: dict[str, int]
    strides: dict[str, int]
    settings: dict[str, Any]

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features of every layer.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.

        Returns:
            layer name to float32 [N, C, h, w]; `o` holds logits.
        """
        raise NotImplementedError
