# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Standardisation of MulMem scores by the statistics of the predicted class.

The paper adopts it from standardized max logit (Jung et al., ICCV 2021, section 3.2 there):
subtract the mean and divide by the deviation that the score has, on normal frames, on pixels
predicted as the same class.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

SHRINKAGE_PIXELS = 10_000
"""Weight, in pixels, of all classes' common statistics in each class's own.

A class that is hardly ever predicted would otherwise have a mean and deviation of chance.
"""


@dataclass(frozen=True)
class ClassStatistics:
    """float32 [classes] each: mean and standard deviation of the MulMem score Gamma."""

    mean: torch.Tensor
    deviation: torch.Tensor


class StatisticsAccumulator:
    """Sums scores per predicted class over any number of frames, in float64."""

    def __init__(self, classes: int) -> None:
        self._sums = torch.zeros(3, classes, dtype=torch.float64)

    def add(self, score: torch.Tensor, class_id: torch.Tensor) -> None:
        """Add one frame, or places of it: score [1, 1, h, w] and class_id uint8 [1, h, w]."""
        values = score.flatten().to(torch.float64)
        index = class_id.flatten().to(torch.int64)
        for row, addend in enumerate((torch.ones_like(values), values, values.square())):
            self._sums[row].index_add_(0, index, addend)

    def statistics(self, shrinkage_pixels: float = SHRINKAGE_PIXELS) -> ClassStatistics:
        """Mean and deviation per class, drawn towards those of all pixels.

        Raises:
            ValueError: nothing was added.
        """
        totals = self._sums.sum(dim=1)
        if totals[0] == 0:
            raise ValueError("no scores were added")
        moments = (self._sums[1:] + shrinkage_pixels * (totals[1:] / totals[0])[:, None]) / (
            self._sums[0] + shrinkage_pixels
        )
        mean, mean_square = moments
        deviation = (mean_square - mean.square()).clamp(min=0.0).sqrt()
        floor = torch.finfo(torch.float32).tiny
        return ClassStatistics(mean.float(), deviation.clamp(min=floor).float())


def standardise(
    score: torch.Tensor, class_id: torch.Tensor, statistics: ClassStatistics
) -> torch.Tensor:
    """Standardised MulMem score, kept positive.

    A z-score is negative on half of the normal pixels, and a product (Eq. 8) turns order
    around there; softplus keeps the order, stays positive, and is the z-score itself where it
    is large.

    Args:
        score: float32 [1, 1, h, w], Gamma of Eq. 4.
        class_id: uint8 [1, h, w].
        statistics: of Gamma on normal frames.

    Returns:
        float32 [1, 1, h, w], > 0.
    """
    index = class_id.to(torch.int64)[:, None]
    z = (score - statistics.mean[index]) / statistics.deviation[index]
    return F.softplus(z)
