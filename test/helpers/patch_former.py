# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A segmentation network as unlike a ResNet as can be, at strides 8, 16 and 32.

Patches instead of a stem, depth-wise convolutions with layer norm as in ConvNeXt, self-attention at
the coarsest scale as in SegFormer, a head that adds all scales up, no batch norm anywhere, and a
dictionary for a result: what this package's own networks have not.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

CLASSES = 4
LAYERS = "c3=stages.0,c4=stages.1,c5=stages.2,lh=head.norm,o=head.logits"
WIDTHS = (12, 16, 24)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of a map."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mixer(nn.Module):
    """Depth-wise 7x7 convolution, then an expansion per position, around a shortcut."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 2 * channels)
        self.contract = nn.Linear(2 * channels, channels)

    def forward(self, x):
        y = self.norm(self.mix(x).permute(0, 2, 3, 1))
        return x + self.contract(F.gelu(self.expand(y))).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Every position looks at every other, with two heads."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.all = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x):
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        heads = self.all(self.norm(tokens)).reshape(n, h * w, 3, 2, c // 2)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        out = self.out(seen.reshape(n, h * w, c))
        return x + out.transpose(1, 2).reshape(n, c, h, w)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.bring = nn.ModuleList(nn.Conv2d(width, 16, 1) for width in WIDTHS)
        self.norm = ChannelNorm(16)
        self.active = nn.ReLU(inplace=True)
        self.logits = nn.Conv2d(16, CLASSES, 1)

    def forward(self, maps):
        size = maps[0].shape[2:]
        parts = [
            F.interpolate(bring(x), size=size, mode="bilinear")
            for bring, x in zip(self.bring, maps, strict=True)
        ]
        return self.logits(self.active(self.norm(sum(parts))))


class PatchFormer(nn.Module):
    def __init__(self):
        super().__init__()
        first, second, third = WIDTHS
        self.stages = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, first, 8, 8), ChannelNorm(first), Mixer(first)),
                nn.Sequential(nn.Conv2d(first, second, 2, 2), Mixer(second)),
                nn.Sequential(nn.Conv2d(second, third, 2, 2), Mixer(third), Attention(third)),
            ]
        )
        self.head = Head()

    def forward(self, x):
        maps = []
        y = x
        for stage in self.stages:
            y = stage(y)
            maps.append(y)
        logits = F.interpolate(self.head(maps), size=x.shape[2:], mode="bilinear")
        return {"out": logits, "probabilities": logits.softmax(dim=1)}


def build():
    """Random weights, the same every time."""
    torch.manual_seed(5)
    return PatchFormer()
