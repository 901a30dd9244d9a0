"""ResNet-18/34/50/101 as an encoder with output stride 16.

Parameter names are those of the usual public checkpoints (`conv1.weight`,
`layer1.0.bn1.running_mean`, ...), so that they load as they are; `fc` is left out.
Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from collections.abc import Mapping

import torch
from torch import nn

from training.teachers.channels import scaled

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
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        result: torch.Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return result


class ResNet(nn.Module):
    """ResNet whose last stage keeps stride 16 and dilates instead.

    Args:
        name: a key of BLOCKS_PER_STAGE.
        width: factor on every number of channels; 1.0 is the published network.
    """

    mean = (0.485, 0.456, 0.406)
    standard_deviation = (0.229, 0.224, 0.225)

    def __init__(self, name: str, width: float = 1.0) -> None:
        super().__init__()
        block = BasicBlock if name in ("resnet18", "resnet34") else Bottleneck
        planes = [scaled(base, width) for base in (64, 128, 256, 512)]
        self._inputs = planes[0]
        self.conv1 = nn.Conv2d(3, planes[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        depths = BLOCKS_PER_STAGE[name]
        self.layer1 = self._stage(block, planes[0], depths[0], stride=1, dilation=1)
        self.layer2 = self._stage(block, planes[1], depths[1], stride=2, dilation=1)
        self.layer3 = self._stage(block, planes[2], depths[2], stride=2, dilation=1)
        self.layer4 = self._stage(block, planes[3], depths[3], stride=1, dilation=2)
        self.channels = {f"c{stage + 2}": planes[stage] * block.expansion for stage in range(4)}

    def _stage(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        planes: int,
        depth: int,
        stride: int,
        dilation: int,
    ) -> nn.Sequential:
        outputs = planes * block.expansion
        downsample = None
        if stride != 1 or self._inputs != outputs:
            downsample = nn.Sequential(
                _convolution(self._inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        blocks = [block(self._inputs, planes, stride, dilation, downsample)]
        self._inputs = outputs
        blocks += [block(outputs, planes, 1, dilation, None) for _ in range(depth - 1)]
        return nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features c2..c5 of normalised images float32 [N, 3, H, W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
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
