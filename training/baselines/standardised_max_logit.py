# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Standardized max logit: MaxLogit per predicted class, without its false alarms on boundaries.

Source: Jung et al., Standardized Max Logits: A Simple yet Effective Approach for Identifying
Unexpected Road Obstacles in Urban-Scene Segmentation, ICCV 2021, section 3; the settings are
those of its section 4.2.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.baselines.interface import NETWORK_INPUT, Features
from training.layers import OUTPUT
from training.method.standardisation import ClassStatistics, StatisticsAccumulator

BOUNDARY_GROWTHS = (3, 2, 1, 0)
"""Pixels by which the boundary (2 wide) is grown in each iteration: widths 8, 6, 4 and 2."""

SMOOTHING_SIZE = 7
SMOOTHING_SIGMA = 1.0
SMOOTHING_DILATION = 6


class StandardisedMaxLogit:
    """-(max_c logits_c - mean_k) / deviation_k, where k is the predicted class.

    Mean and deviation are those of the maximum logit on normal frames, over the pixels predicted
    as k. A class that is hardly ever predicted there, whose statistics the authors' definition
    leaves to chance, is drawn towards those of all classes (`training/method/standardisation.py`).

    As the authors do, it works at the size of the network input, to which the logits are brought
    bilinearly: its widths are counted in those pixels.
    """

    def __init__(self, classes: int) -> None:
        self._sums = StatisticsAccumulator(classes)
        self._statistics: ClassStatistics | None = None

    def update(self, features: Features) -> None:
        """Take in one normal frame."""
        value, class_id = _maximum(features)
        self._sums.add(value.cpu(), class_id.to(torch.uint8).cpu())

    def compute(self) -> None:
        """Compute the statistics."""
        self._statistics = self._sums.statistics()

    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, H, W] at the size of the network input, any sign."""
        assert self._statistics is not None, "compute() comes before score()"
        value, class_id = _maximum(features)
        mean, deviation = (
            statistic.to(value.device)[class_id][:, None]
            for statistic in (self._statistics.mean, self._statistics.deviation)
        )
        score = suppress_boundaries((mean - value) / deviation, class_id)
        return smooth(score)


def suppress_boundaries(score: torch.Tensor, class_id: torch.Tensor) -> torch.Tensor:
    """Suppress boundaries iteratively: scores grow from the inside over the boundaries.

    In each iteration, a pixel in the boundary region gets the mean over those pixels of its 3x3
    neighbourhood that are outside of it; with none there, it stays as it is. The region, grown by
    BOUNDARY_GROWTHS, shrinks from one iteration to the next. A boundary pixel is one whose 3x3
    neighbourhood holds another class.

    Args:
        score: float32 [N, 1, H, W].
        class_id: int64 [N, H, W], the predicted classes.

    Returns:
        float32 [N, 1, H, W].
    """
    ids = class_id[:, None].to(score.dtype)
    # Without padding by numbers: max_pool2d pads with minus infinity, so the frame is no boundary.
    highest, lowest = F.max_pool2d(ids, 3, 1, 1), -F.max_pool2d(-ids, 3, 1, 1)
    boundary = (highest != lowest).to(score.dtype)
    regions = [boundary]
    for _ in range(max(BOUNDARY_GROWTHS)):
        regions.append(_grown_by_one(regions[-1]))
    window = torch.ones(1, 1, 3, 3, dtype=score.dtype, device=score.device)
    for growth in BOUNDARY_GROWTHS:
        outside = 1.0 - regions[growth]
        number = F.conv2d(outside, window, padding=1)
        mean = F.conv2d(score * outside, window, padding=1) / number.clamp(min=1.0)
        score = torch.where((outside == 0) & (number > 0), mean, score)
    return score


def smooth(score: torch.Tensor) -> torch.Tensor:
    """Smooth by a dilated Gaussian of 7x7 taps, SMOOTHING_DILATION pixels apart.

    Args:
        score: float32 [N, 1, H, W]; beyond its edges it goes on as on them.

    Returns:
        float32 [N, 1, H, W].
    """
    reach = SMOOTHING_SIZE // 2
    taps = torch.arange(-reach, reach + 1, dtype=score.dtype, device=score.device)
    weights = (-taps.square() / (2 * SMOOTHING_SIGMA**2)).exp()
    weights /= weights.sum()
    border = reach * SMOOTHING_DILATION
    padded = F.pad(score, (border, border, border, border), mode="replicate")
    # A Gaussian is the product of one along the rows and one along the columns.
    along_rows = F.conv2d(padded, weights.view(1, 1, 1, -1), dilation=SMOOTHING_DILATION)
    return F.conv2d(along_rows, weights.view(1, 1, -1, 1), dilation=SMOOTHING_DILATION)


def _maximum(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    size = features[NETWORK_INPUT].shape[2:]
    logits = F.interpolate(features[OUTPUT], size=size, mode="bilinear", align_corners=False)
    value, class_id = logits.max(dim=1)
    return value[:, None], class_id


def _grown_by_one(region: torch.Tensor) -> torch.Tensor:
    """Return the region and the four neighbours of each of its pixels."""
    across = F.max_pool2d(region, (1, 3), 1, (0, 1))
    return torch.maximum(across, F.max_pool2d(region, (3, 1), 1, (1, 0)))
