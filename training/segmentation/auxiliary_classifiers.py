# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Classifiers on inner layers, so that these have to separate classes; for training only.

Source: the auxiliary loss of Zhao et al., Pyramid Scene Parsing Network, CVPR 2017, section 3.3.
"""

from collections.abc import Callable

import torch
from torch import nn

from training.segmentation.loss import segmentation_loss

LAYERS = ("c4", "c5")
"""The deep layers that MulMem remembers; a decoder can otherwise live off c2 alone."""


class AuxiliaryClassifiers(nn.Module):
    """One 1x1 convolution on each of LAYERS.

    Args:
        channels: of the teacher's layers, by name.
        classes: number of classes.
    """

    def __init__(self, channels: dict[str, int], classes: int) -> None:
        super().__init__()
        self.by_layer = nn.ModuleDict({x: nn.Conv2d(channels[x], classes, 1) for x in LAYERS})

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return logits [N, classes, h, w] of features [N, C, h, w], both by layer."""
        return {layer: classify(features[layer]) for layer, classify in self.by_layer.items()}


def auxiliary_loss(
    logits: dict[str, torch.Tensor],
    labels: torch.Tensor,
    weights: torch.Tensor | None,
    mean_over_ranks: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Sum of the layers' cross-entropies, each judged at its own stride.

    Args:
        logits: float32 [N, classes, h, w] by layer of LAYERS; others are not looked at.
        labels: int64 [N, H, W], 255 = ignore.
        weights: float32 [classes], or None for 1 each.
        mean_over_ranks: as `segmentation_loss` has it.
    """
    total = labels.new_zeros((), dtype=torch.float32)
    for layer in LAYERS:
        stride = round(labels.shape[1] / logits[layer].shape[2])
        judged = labels[:, stride // 2 :: stride, stride // 2 :: stride]
        total = total + segmentation_loss(logits[layer], judged, weights, mean_over_ranks)
    return total
