"""Segmentation networks: one small file a network, one table of their names."""

from training.teachers.deeplabv3plus import DeepLabV3Plus
from training.teachers.efficientnet_lite0 import EfficientNetLite0, imagenet_weights
from training.teachers.resnet import BLOCKS_PER_STAGE, ResNet

__all__ = ["ARCHITECTURES", "DeepLabV3Plus", "build_teacher"]

_HEAD = "deeplabv3plus_"
_EFFICIENTNET = "efficientnet_lite0"

ARCHITECTURES = tuple(_HEAD + backbone for backbone in (*BLOCKS_PER_STAGE, _EFFICIENTNET))
"""Names for `--architecture`: the head, then the backbone."""


def build_teacher(
    architecture: str, classes: int, *, width: float = 1.0, pretrained: bool = False
) -> DeepLabV3Plus:
    """Make a segmentation network.

    Args:
        architecture: one of ARCHITECTURES.
        classes: number of classes, at least 2.
        width: factor on the numbers of channels, of the head alone for EfficientNet-lite0
            (whose weights have one width).
        pretrained: start the backbone from ImageNet weights; here only EfficientNet-lite0's
            come out of a package. For a ResNet, load a public checkpoint yourself with
            `teacher.encoder.load_public(state)`.

    Raises:
        ValueError: unknown architecture, or no weights for it.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"unknown architecture {architecture!r}; known are {', '.join(ARCHITECTURES)}"
        )
    backbone = architecture.removeprefix(_HEAD)
    encoder: ResNet | EfficientNetLite0
    if backbone == _EFFICIENTNET:
        encoder = EfficientNetLite0()
        if pretrained:
            encoder.load_public(imagenet_weights())
    else:
        if pretrained:
            raise ValueError(
                f"no ImageNet weights for {backbone} come with this package; "
                "pass a public checkpoint with --backbone-weights instead"
            )
        encoder = ResNet(backbone, width)
    return DeepLabV3Plus(encoder, classes, width)
