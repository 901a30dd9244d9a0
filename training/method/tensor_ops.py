# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Averages over places of a map, and sums over its channels, in forms that export well."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

_DEVIATIONS = 3.0
"""Where the kernel ends: what lies further out weighs less than 0.3 %."""


def smoothed(score: torch.Tensor, deviation: float) -> torch.Tensor:
    """Average every place with its neighbours; the map's edge is repeated outwards.

    Neighbours on one thing should agree: in the manner of the smoothing that standardized max logit
    ends with (Jung et al., ICCV 2021, section 3.3 there), over all pixels.

    Args:
        score: float32 [1, 1, h, w].
        deviation: standard deviation of the Gaussian in places, > 0.

    Returns:
        float32 [1, 1, h, w], between the least and the largest score.
    """
    reach = math.ceil(_DEVIATIONS * deviation)
    offsets = torch.arange(-reach, reach + 1, dtype=score.dtype, device=score.device)
    kernel = torch.exp(-0.5 * (offsets / deviation).square())
    kernel = kernel / kernel.sum()
    padded = F.pad(score, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, kernel.reshape(1, 1, 1, -1))
    return F.conv2d(across, kernel.reshape(1, 1, -1, 1))


def block_means(features: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Average blocks of whole places, of the size that comes nearest to a coarser grid.

    A place of the result stays over the pixels that it is of. The last rows and columns are
    repeated where the blocks do not divide.

    Args:
        features: float32 [N, C, h, w].
        grid: (height, width); along an axis that is not finer, places stay as they are.

    Returns:
        float32 [N, C, h', w'], h' and w' near to the grid's.
    """
    tall, wide = (
        max(1, round(size / wanted)) for size, wanted in zip(features.shape[2:], grid, strict=True)
    )
    if tall == wide == 1:
        return features
    return means_of_blocks(
        features, (tall, wide), (-features.shape[2] % tall, -features.shape[3] % wide)
    )


def means_of_blocks(
    features: torch.Tensor, block: tuple[int, int], missing: tuple[int, int]
) -> torch.Tensor:
    """Average blocks of places, after the last places are repeated.

    Args:
        features: float32 [N, C, h, w].
        block: (height, width) in places.
        missing: rows and columns to add.
    """
    if any(missing):
        features = F.pad(features, (0, missing[1], 0, missing[0]), mode="replicate")
    return F.avg_pool2d(features, block)


def channel_sum(values: torch.Tensor) -> torch.Tensor:
    """Return the sum over the last dimension but one.

    A product with a row of ones: ONNX Runtime's CPU provider sums over an outer dimension on one
    core and with long strides, which takes four times as long as reading the values does.

    Args:
        values: float [..., C, n].

    Returns:
        float [..., n].
    """
    ones = torch.ones(1, values.shape[-2], dtype=values.dtype, device=values.device)
    return (ones @ values).squeeze(-2)
