"""DeepLabV3+ over an encoder that gives features c2..c5.

Source: Chen et al., Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation, ECCV 2018.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.teachers.channels import scaled
from training.teachers.efficientnet_lite0 import EfficientNetLite0
from training.teachers.resnet import ResNet

ATROUS_RATES = (6, 12, 18)
"""For output stride 16, as in the paper."""


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class AtrousSpatialPyramidPooling(nn.Module):
    """Parallel dilated convolutions and the image's mean, joined by a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [_convolution(inputs, outputs, 1)]
            + [_convolution(inputs, outputs, 3, rate) for rate in ATROUS_RATES]
        )
        # No batch norm on a 1x1 map: with one image a batch it would have nothing to average.
        self.pooled = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.ReLU(inplace=True))
        self.join = _convolution(outputs * (len(ATROUS_RATES) + 2), outputs, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = self.pooled(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        branches = [branch(x) for branch in self.branches]
        joined: torch.Tensor = self.dropout(self.join(torch.cat([*branches, mean], dim=1)))
        return joined


class DeepLabV3Plus(nn.Module):
    """Segmentation network, all of whose layers can be read.

    Args:
        encoder: backbone.
        classes: number of classes.
        width: factor on the head's numbers of channels (256 and 48 in the paper).
    """

    def __init__(
        self, encoder: ResNet | EfficientNetLite0, classes: int, width: float = 1.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        channels = encoder.channels
        hidden = scaled(256, width)
        low_level = scaled(48, width)
        self.aspp = AtrousSpatialPyramidPooling(channels["c5"], hidden)
        self.low_level = _convolution(channels["c2"], low_level, 1)
        self.decoder = nn.Sequential(
            _convolution(hidden + low_level, hidden, 3), _convolution(hidden, hidden, 3)
        )
        self.classifier = nn.Conv2d(hidden, classes, 1)
        self.channels = {**channels, "lh": hidden, "o": classes}

    @property
    def mean(self) -> tuple[float, float, float]:
        """Per channel, RGB, of pixels in 0..1."""
        return self.encoder.mean

    @property
    def standard_deviation(self) -> tuple[float, float, float]:
        """Per channel, RGB, of pixels in 0..1."""
        return self.encoder.standard_deviation

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of every layer.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.

        Returns:
            layer name to float32 [N, C, h, w]; c2, lh and o at stride 4, c3 at 8, c4 and c5
            at 16; o holds logits.
        """
        features = self.encoder(x)
        context = F.interpolate(
            self.aspp(features["c5"]),
            size=features["c2"].shape[2:],
            mode="bilinear",
            align_corners=False,
        )
        lh = self.decoder(torch.cat([context, self.low_level(features["c2"])], dim=1))
        return {**features, "lh": lh, "o": self.classifier(lh)}
