# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Public Cityscapes checkpoints of DeepLabV3+: how theirs are named, and what is different in them.

Facts of the layouts, from the repositories themselves:

- vainf: VainF/DeepLabV3Plus-Pytorch, `network/_deeplab.py`. torchvision's ResNet, one 3x3
  convolution in the decoder, batch norm on the image's mean, low-level features first.
- nvidia: shjung13/Standardized-max-logits, `network/deepv3.py`, which is that of
  NVIDIA/semantic-segmentation by way of shachoi/RobustNet. ResNet-101 with three 3x3
  convolutions for a stem, every block of a dilated stage dilated, the image's mean first, batch
  norm on it, low-level features first, interpolation with aligned corners.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from training.teachers.networks.deeplabv3plus import DeepLabV3Plus
from training.teachers.public_weights import Shapes, shapes_of

_POOLED = "aspp.pooled.0."
_JOIN = "aspp.join.0.weight"
_DECODER = "decoder.0.0.weight"
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_EPSILON = 1e-5
"""Of PyTorch's batch norm, which neither repository changes."""


@dataclass(frozen=True)
class PublicLayout:
    """Where a public checkpoint keeps what this package's DeepLabV3+ needs.

    Attributes:
        names: prefixes of names: ours, theirs.
        mean_convolution: prefix of the 1x1 convolution on the image's mean.
        mean_batch_norm: prefix of the batch norm behind it.
        mean_first: the mean comes before the branches in the joining convolution, not after.
        variant: key of VARIANTS whose arithmetic the weights were trained in.
        output_stride: of the checkpoint that is best known.
        backbones: that come in this layout.
        ignored: prefixes of what serves training or scoring only.
    """

    names: tuple[tuple[str, str], ...]
    mean_convolution: str
    mean_batch_norm: str
    mean_first: bool
    variant: str
    output_stride: int
    backbones: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    def public_name(self, own: str) -> str:
        """Return their name of the parameter or buffer that is `own` here."""
        for ours, theirs in self.names:
            if own.startswith(ours):
                return theirs + own.removeprefix(ours)
        raise KeyError(own)

    def shapes(self, network: DeepLabV3Plus) -> Shapes:
        """Return every name and shape that a checkpoint for `network` has in this layout."""
        wanted: Shapes = {}
        for name, shape in shapes_of(network.state_dict()).items():
            if not name.startswith(_POOLED):
                wanted[self.public_name(name)] = shape
        outputs, inputs = network.state_dict()[_POOLED + "weight"].shape[:2]
        wanted[self.mean_convolution + "weight"] = (outputs, inputs, 1, 1)
        wanted |= {self.mean_batch_norm + name: (outputs,) for name in _BATCH_NORM}
        return wanted

    def without_ignored(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return a checkpoint without the ignored entries."""
        return {k: v for k, v in state.items() if not k.startswith(self.ignored)}

    def convert(
        self, state: Mapping[str, torch.Tensor], network: DeepLabV3Plus
    ) -> dict[str, torch.Tensor]:
        """Return our state dictionary for `network` from theirs, with every name of `shapes`.

        Inputs of two convolutions change their order, as features are joined in another order
        here, and the mean's convolution takes its batch norm in. Both leave what is computed as
        it was, up to rounding.
        """
        own = network.state_dict()
        result = {}
        for name, value in own.items():
            if name.startswith(_POOLED):
                continue
            # Old checkpoints lack batch norm's counters, which matter to training alone.
            result[name] = state.get(self.public_name(name), value)
        hidden = own[_POOLED + "weight"].shape[0]
        low_level = result[_DECODER].shape[1] - hidden
        result[_DECODER] = result[_DECODER].roll(-low_level, dims=1)
        if self.mean_first:
            result[_JOIN] = result[_JOIN].roll(-hidden, dims=1)
        gain, shift, mean, variance = (state[self.mean_batch_norm + n] for n in _BATCH_NORM)
        scale = gain / (variance + _EPSILON).sqrt()
        convolution = state[self.mean_convolution + "weight"]
        result[_POOLED + "weight"] = convolution * scale[:, None, None, None]
        result[_POOLED + "bias"] = shift - mean * scale
        return result


LAYOUTS = {
    "vainf": PublicLayout(
        names=(
            ("encoder.", "backbone."),
            ("aspp.branches.", "classifier.aspp.convs."),
            ("aspp.join.", "classifier.aspp.project."),
            ("low_level.", "classifier.project."),
            ("decoder.0.", "classifier.classifier."),
            ("classifier.", "classifier.classifier.3."),
        ),
        mean_convolution="classifier.aspp.convs.4.1.",
        mean_batch_norm="classifier.aspp.convs.4.2.",
        mean_first=False,
        variant="vainf",
        output_stride=16,
        backbones=("resnet50", "resnet101"),
    ),
    "nvidia": PublicLayout(
        names=(
            ("encoder.stem.", "layer0."),
            ("encoder.", ""),
            ("aspp.branches.", "aspp.features."),
            ("aspp.join.", "bot_aspp."),
            ("low_level.", "bot_fine."),
            ("decoder.0.", "final1."),
            # Theirs is one sequence of six, ours two of three.
            ("decoder.1.0.", "final1.3."),
            ("decoder.1.1.", "final1.4."),
            ("classifier.", "final2.0."),
        ),
        mean_convolution="aspp.img_conv.0.",
        mean_batch_norm="aspp.img_conv.1.",
        mean_first=True,
        variant="nvidia",
        output_stride=8,
        backbones=("resnet101",),
        ignored=("dsn.", "multi_scale.", "criterion.", "criterion_aux."),
    ),
}
"""By the name for `--layout`."""
