# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""PSPNet over an encoder that gives features c2..c5.

Source: Zhao et al., Pyramid Scene Parsing Network, CVPR 2017. The encoder's stem is the plain one
(one 7x7 convolution); the authors' own networks have three 3x3 convolutions there.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.teachers.interface import Teacher
from training.teachers.networks.blocks import convolution_block, mean_block, scaled
from training.teachers.networks.efficientnet_lite import EfficientNetLite
from training.teachers.networks.resnet import ResNet

BINS = (1, 2, 3, 6)
"""Cells along each side of the pyramid's levels (section 3.2 there)."""

_HIDDEN = 512


def averaging_matrix(cells: int, length: int) -> list[list[float]]:
    """Return a matrix [cells, length]; row i averages the part of a line that cell i covers.

    Cell i covers positions floor(i * length / cells) up to ceil((i + 1) * length / cells), as in
    adaptive average pooling, neighbours sharing a position where they do not divide.
    """
    rows = []
    for cell in range(cells):
        first = cell * length // cells
        beyond = -(-(cell + 1) * length // cells)
        weight = 1.0 / (beyond - first)
        rows.append([weight if first <= i < beyond else 0.0 for i in range(length)])
    return rows


def pool_to(x: torch.Tensor, cells: int) -> torch.Tensor:
    """Average `cells` x `cells` parts of each map: [N, C, h, w] to [N, C, cells, cells].

    As two matrix products and not as adaptive pooling, which ONNX does not have.
    """
    rows, columns = (
        # From numbers, not by filling a tensor: an exporter then sees a constant.
        torch.tensor(averaging_matrix(cells, length), dtype=x.dtype, device=x.device)
        for length in x.shape[2:]
    )
    return rows @ x @ columns.T


class PSPNet(Teacher):
    """Segmentation network, all of whose layers can be read.

    Args:
        encoder: backbone.
        classes: number of classes.
        width: factor on the head's number of channels (512 in the paper).
    """

    def __init__(
        self, encoder: ResNet | EfficientNetLite, classes: int, width: float = 1.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean = encoder.mean
        self.standard_deviation = encoder.standard_deviation
        inputs = encoder.channels["c5"]
        hidden = scaled(_HIDDEN, width)
        level = inputs // len(BINS)
        self.levels = nn.ModuleList(
            mean_block(inputs, level) if cells == 1 else convolution_block(inputs, level, 1)
            for cells in BINS
        )
        self.join = convolution_block(inputs + level * len(BINS), hidden, 3)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(hidden, classes, 1)
        self.channels = {**encoder.channels, "lh": hidden, "o": classes}
        stride = encoder.strides["c5"]
        self.strides = {**encoder.strides, "lh": stride, "o": stride}
        self.settings = {}

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features of every layer; see `Teacher`. `lh` and `o` have the stride of c5."""
        features = self.encoder(x)
        c5 = features["c5"]
        levels = [
            F.interpolate(
                level(pool_to(c5, cells)), size=c5.shape[2:], mode="bilinear", align_corners=False
            )
            for cells, level in zip(BINS, self.levels, strict=True)
        ]
        lh = self.dropout(self.join(torch.cat([c5, *levels], dim=1)))
        return {**features, "lh": lh, "o": self.classifier(lh)}
