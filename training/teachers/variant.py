# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Differences between this package's DeepLabV3+ and published implementations of it.

Their weights mean something in their own arithmetic only, so it is kept with the weights.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """Structure that a checkpoint's weights were trained in.

    Attributes:
        deep_stem: three 3x3 convolutions instead of one 7x7 before the first stage, and twice
            the channels out of them.
        first_block_dilated: the first block of a stage that dilates instead of striding has the
            stage's dilation; else that of the stage before, as in torchvision.
        decoder_convolutions: 3x3 convolutions after the low-level features come in, 1 or 2.
        align_corners: bilinear interpolation maps corner pixels onto corner pixels.
    """

    deep_stem: bool = False
    first_block_dilated: bool = True
    decoder_convolutions: int = 2
    align_corners: bool = False


OWN = "own"

VARIANTS = {
    OWN: Variant(),
    "vainf": Variant(first_block_dilated=False, decoder_convolutions=1),
    "nvidia": Variant(deep_stem=True, align_corners=True),
}
"""By the name that a checkpoint records."""
