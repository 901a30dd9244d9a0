# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ResNet-18/34/50/101 as an encoder, of any output stride.

Parameter names are those of the usual public checkpoints (`conv1.weight`,
`layer1.0.bn1.running_mean`, ...), so that they load as they are; `fc` is left out.
Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from collections.abc import Mapping

import torch
from torch import nn

from training.layers import BACKBONE_LAYERS
from training.teachers.networks.blocks import scaled
from training.teachers.networks.strides import STEM_STRIDE, StageStrides
from training.teachers.variant import OWN, VARIANTS, Variant

BLOCKS_PER_STAGE = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    expansion = 1

    def __init__(
        self,
        inputs: int,
        planes: int,
        stride: int,
        dilation: int,
        downsample: nn.Module | None,
    ) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, planes, 3, stride, dilation)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _convolution(planes, planes, 3, 1, dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's features of x, float32 [N, C, H, W]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        result: torch.Tensor = self.relu(self.bn2(self.conv2(x)) + shortcut)
        return result


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a shortcut; the stride is in the 3x3 one."""

    expansion = 4

    def __init__(
        self,
        inputs: int,
        planes: int,
        stride: int,
        dilation: int,
        downsample: nn.Module | None,
    ) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = _convolution(inputs, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _convolution(planes, planes, 3, stride, dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _convolution(planes, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's features of x, float32 [N, C, H, W]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        result: torch.Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return result


class ResNet(nn.Module):
    """ResNet whose stages stride or dilate as asked.

    Args:
        name: a key of BLOCKS_PER_STAGE.
        width: factor on every number of channels; 1.0 is the published network.
        strides: of the four stages; each is that of the stage before (4 before the first) or
            twice it. A stage after the first that keeps the stride dilates twice as far instead.
        variant: structure of the stem and of dilated stages.

    Raises:
        ValueError: strides that are not of this kind.
    """

    mean = (0.485, 0.456, 0.406)
    standard_deviation = (0.229, 0.224, 0.225)

    def __init__(
        self,
        name: str,
        width: float = 1.0,
        strides: StageStrides = (4, 8, 16, 16),
        variant: Variant = VARIANTS[OWN],
    ) -> None:
        super().__init__()
        block = BasicBlock if name in ("resnet18", "resnet34") else Bottleneck
        planes = [scaled(base, width) for base in (64, 128, 256, 512)]
        self.relu = nn.ReLU(inplace=True)
        self.deep_stem = variant.deep_stem
        if variant.deep_stem:
            self._inputs = 2 * planes[0]
            self.stem = _deep_stem(planes[0])
        else:
            self._inputs = planes[0]
            self.conv1 = nn.Conv2d(3, planes[0], 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(planes[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        stages = []
        dilation = 1
        previous = STEM_STRIDE
        for number, stride in enumerate(strides):
            step, rest = divmod(stride, previous)
            if rest or step not in (1, 2):
                raise ValueError(
                    f"strides {strides}: {stride} is neither {previous}, that of the stage "
                    f"before, nor {2 * previous}"
                )
            before, previous = dilation, stride
            if number > 0 and step == 1:
                dilation *= 2
            first_dilation = dilation if variant.first_block_dilated else before
            stages.append(
                self._stage(
                    block, planes[number], BLOCKS_PER_STAGE[name][number],
                    step, dilation, first_dilation,
                )
            )  # fmt: skip
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.channels = {
            layer: count * block.expansion
            for layer, count in zip(BACKBONE_LAYERS, planes, strict=True)
        }
        self.strides = dict(zip(BACKBONE_LAYERS, strides, strict=True))

    def _stage(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        planes: int,
        depth: int,
        stride: int,
        dilation: int,
        first_dilation: int,
    ) -> nn.Sequential:
        outputs = planes * block.expansion
        downsample = None
        if stride != 1 or self._inputs != outputs:
            downsample = nn.Sequential(
                _convolution(self._inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        blocks = [block(self._inputs, planes, stride, first_dilation, downsample)]
        self._inputs = outputs
        blocks += [block(outputs, planes, 1, dilation, None) for _ in range(depth - 1)]
        return nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features c2..c5 of normalised images float32 [N, 3, H, W]."""
        x = self.stem(x) if self.deep_stem else self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        c2 = self.layer1(x)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        c5 = self.layer4(c4)
        return {"c2": c2, "c3": c3, "c4": c4, "c5": c5}

    def load_public(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load an ImageNet checkpoint; its classifier is ignored.

        Raises:
            RuntimeError: names or shapes do not match; the message lists them.
        """
        self.load_state_dict(
            {name: value for name, value in state.items() if not name.startswith("fc.")}
        )


def _deep_stem(planes: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for inputs, outputs, stride in ((3, planes, 2), (planes, planes, 1), (planes, 2 * planes, 1)):
        modules += [
            _convolution(inputs, outputs, 3, stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*modules)
