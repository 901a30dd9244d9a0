# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A small vision transformer of the DINO kind: patches of 14, a class token, register tokens.

Its blocks give tokens [N, T, C], the patches' behind the others, as public ones do.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

PATCH = 14
WIDTH = 24
REGISTERS = 4


class Block(nn.Module):
    """Self-attention with two heads and a perceptron, around shortcuts."""

    def __init__(self):
        super().__init__()
        self.first_norm = nn.LayerNorm(WIDTH)
        self.all = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.second_norm = nn.LayerNorm(WIDTH)
        self.perceptron = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x):
        n, t, c = x.shape
        heads = self.all(self.first_norm(x)).reshape(n, t, 3, 2, c // 2)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        x = x + self.out(seen.reshape(n, t, c))
        return x + self.perceptron(self.second_norm(x))


class TinyTransformer(nn.Module):
    """Embeds patches and lets them look at each other."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.extra = nn.Parameter(torch.randn(1, 1 + REGISTERS, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.extra.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens[:, 0]


def build():
    torch.manual_seed(3)
    return TinyTransformer().eval()
