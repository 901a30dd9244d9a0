# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Build segmentation networks by name."""

from collections.abc import Mapping

from training.layers import OUTPUT
from training.teachers.networks.deeplabv3plus import DeepLabV3Plus
from training.teachers.networks.efficientnet_lite import VARIANTS as EFFICIENTNETS
from training.teachers.networks.efficientnet_lite import EfficientNetLite, imagenet_weights
from training.teachers.networks.pspnet import PSPNet
from training.teachers.networks.resnet import BLOCKS_PER_STAGE, ResNet
from training.teachers.networks.strides import (
    OUTPUT_STRIDES,
    decoder_layer,
    matching_stage_strides,
    stage_strides,
)
from training.teachers.variant import OWN, VARIANTS

SegmentationNetwork = DeepLabV3Plus | PSPNet

_DEEPLAB = "deeplabv3plus_"
_PSPNET = "pspnet_"
_BACKBONES = (*BLOCKS_PER_STAGE, *EFFICIENTNETS)

ARCHITECTURES = (
    *(_DEEPLAB + backbone for backbone in _BACKBONES),
    *(_PSPNET + backbone for backbone in BLOCKS_PER_STAGE),
)
"""Names for `--architecture`: the head, then the backbone."""


def full_architecture(name: str) -> str:
    """Return the member of ARCHITECTURES that is meant: a backbone alone gets a DeepLabV3+ head.

    Raises:
        ValueError: there is none.
    """
    full = _DEEPLAB + name if name in _BACKBONES else name
    if full not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; known are {', '.join(ARCHITECTURES)}")
    return full


def build_teacher(
    architecture: str,
    classes: int,
    *,
    width: float = 1.0,
    pretrained: bool = False,
    output_stride: int = 16,
    variant: str = OWN,
) -> SegmentationNetwork:
    """Make a segmentation network.

    Args:
        architecture: one of ARCHITECTURES.
        classes: number of classes, at least 2.
        width: factor on the numbers of channels, of the head alone for an EfficientNet-lite
            (whose weights have one width).
        pretrained: start the backbone from ImageNet weights; here only those of an
            EfficientNet-lite come out of a package. For a ResNet, load a public checkpoint
            yourself with `teacher.encoder.load_public(state)`.
        output_stride: of c5, 8 or 16; an EfficientNet-lite has 16 only.
        variant: a key of VARIANTS; others than `own` are DeepLabV3+ on a ResNet.

    Raises:
        ValueError: unknown architecture, or one that has not what is asked of it.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"unknown architecture {architecture!r}; known are {', '.join(ARCHITECTURES)}"
        )
    head, backbone = _split(architecture)
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output stride {output_stride}; choose 8 or 16")
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant {variant!r}; known are {', '.join(VARIANTS)}")
    if variant != OWN and (head != _DEEPLAB or backbone in EFFICIENTNETS):
        raise ValueError(f"variant {variant} is a DeepLabV3+ on a ResNet, not {architecture}")
    if pretrained and backbone not in EFFICIENTNETS:
        raise ValueError(
            f"no ImageNet weights for {backbone} come with this package; "
            "pass a public checkpoint with --backbone-weights instead"
        )
    encoder: ResNet | EfficientNetLite
    if backbone in EFFICIENTNETS:
        if output_stride != 16:
            raise ValueError(f"{backbone} has output stride 16 only, not {output_stride}")
        encoder = EfficientNetLite(backbone)
        if pretrained:
            encoder.load_public(imagenet_weights(backbone))
    else:
        encoder = ResNet(backbone, width, stage_strides(output_stride), VARIANTS[variant])
    network: SegmentationNetwork
    if head == _DEEPLAB:
        network = DeepLabV3Plus(encoder, classes, width, variant=VARIANTS[variant])
    else:
        network = PSPNet(encoder, classes, width)
    network.settings = {"output_stride": output_stride, "variant": variant}
    return network


def build_student_network(
    architecture: str, channels: Mapping[str, int], strides: Mapping[str, int], width: float
) -> SegmentationNetwork:
    """Make a network whose layers come at a teacher's strides, as near as it can.

    A ResNet's stages stride or dilate as the teacher's do; an EfficientNet-lite stays as it is. A
    DeepLabV3+ decoder works on the grid of the stage that is nearest to the teacher's `lh`.

    Args:
        architecture: one of ARCHITECTURES, or a backbone alone, which gets a DeepLabV3+ head.
        channels: of the teacher's layers; `o` is the number of classes.
        strides: of the teacher's layers.
        width: factor on the numbers of channels.

    Raises:
        ValueError: unknown architecture.
    """
    head, backbone = _split(full_architecture(architecture))
    encoder: ResNet | EfficientNetLite
    if backbone in EFFICIENTNETS:
        encoder = EfficientNetLite(backbone)
    else:
        encoder = ResNet(backbone, width, matching_stage_strides(strides))
    if head == _PSPNET:
        return PSPNet(encoder, channels[OUTPUT], width)
    layer = decoder_layer(encoder.strides, strides)
    return DeepLabV3Plus(encoder, channels[OUTPUT], width, decoder_layer=layer)


def _split(architecture: str) -> tuple[str, str]:
    head = _PSPNET if architecture.startswith(_PSPNET) else _DEEPLAB
    return head, architecture.removeprefix(head)
