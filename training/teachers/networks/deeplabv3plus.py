# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""DeepLabV3+ over an encoder that gives features c2..c5.

Source: Chen et al., Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation, ECCV 2018.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.teachers.interface import Teacher
from training.teachers.networks.blocks import convolution_block, mean_block, scaled
from training.teachers.networks.efficientnet_lite import EfficientNetLite
from training.teachers.networks.resnet import ResNet
from training.teachers.variant import OWN, VARIANTS, Variant

ATROUS_RATES = (6, 12, 18)
"""At stride 16; half the stride takes twice the rates (12, 24, 36 at 8), as in the paper."""


def atrous_rates(stride: int) -> tuple[int, ...]:
    """Return rates that see as much of the image at `stride` as ATROUS_RATES do at 16."""
    return tuple(max(1, round(rate * 16 / stride)) for rate in ATROUS_RATES)


class AtrousSpatialPyramidPooling(nn.Module):
    """Parallel dilated convolutions and the image's mean, joined by a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [convolution_block(inputs, outputs, 1)]
            + [convolution_block(inputs, outputs, 3, rate) for rate in atrous_rates(stride)]
        )
        self.pooled = mean_block(inputs, outputs)
        self.join = convolution_block(outputs * (len(self.branches) + 1), outputs, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's features of x, float32 [N, C, H, W]."""
        mean = self.pooled(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        branches = [branch(x) for branch in self.branches]
        joined: torch.Tensor = self.dropout(self.join(torch.cat([*branches, mean], dim=1)))
        return joined


class DeepLabV3Plus(Teacher):
    """Segmentation network, all of whose layers can be read.

    Args:
        encoder: backbone.
        classes: number of classes.
        width: factor on the head's numbers of channels (256 and 48 in the paper).
        variant: structure of the decoder; the encoder's is the encoder's own.
        decoder_layer: the encoder's layer whose features and grid the decoder takes; c2 in the
            paper.
    """

    def __init__(
        self,
        encoder: ResNet | EfficientNetLite,
        classes: int,
        width: float = 1.0,
        *,
        variant: Variant = VARIANTS[OWN],
        decoder_layer: str = "c2",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean = encoder.mean
        self.standard_deviation = encoder.standard_deviation
        channels = encoder.channels
        hidden = scaled(256, width)
        low_level = scaled(48, width)
        self.aspp = AtrousSpatialPyramidPooling(channels["c5"], hidden, encoder.strides["c5"])
        self.low_level = convolution_block(channels[decoder_layer], low_level, 1)
        self.decoder = nn.Sequential(
            convolution_block(hidden + low_level, hidden, 3),
            *(convolution_block(hidden, hidden, 3) for _ in range(1, variant.decoder_convolutions)),
        )
        self.classifier = nn.Conv2d(hidden, classes, 1)
        self.channels = {**channels, "lh": hidden, "o": classes}
        stride = encoder.strides[decoder_layer]
        self.strides = {**encoder.strides, "lh": stride, "o": stride}
        self.settings = {}
        self._decoder_layer = decoder_layer
        self._align_corners = variant.align_corners

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return every layer's features; see `Teacher`. `lh` and `o` have the decoder's stride."""
        features = self.encoder(x)
        low_level = features[self._decoder_layer]
        context = F.interpolate(
            self.aspp(features["c5"]),
            size=low_level.shape[2:],
            mode="bilinear",
            align_corners=self._align_corners,
        )
        lh = self.decoder(torch.cat([context, self.low_level(low_level)], dim=1))
        return {**features, "lh": lh, "o": self.classifier(lh)}
