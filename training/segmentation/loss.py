# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cross-entropy of segmentation, and weights of its classes."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.datasets.interface import LabelledSource, evenly_spread
from training.datasets.readers.label_map import IGNORE

_LABELS_TO_WEIGH = 200


def segmentation_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor | None = None,
    mean_over_ranks: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return the cross-entropy at the labels' resolution, the mean over the labelled pixels.

    Args:
        logits: float32 [N, classes, h, w].
        labels: int64 [N, H, W], 255 = ignore.
        weights: float32 [classes], or None for 1 each.
        mean_over_ranks: where several processes share a batch, the mean of all their values of a
            float32 scalar. Then the mean of their losses is the loss of the whole batch, however
            the ignored pixels are spread.

    Returns:
        float32 scalar; 0 where every pixel is ignored.
    """
    if logits.shape[2:] != labels.shape[1:]:
        logits = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=False)
    total = F.cross_entropy(logits, labels, weights, ignore_index=IGNORE, reduction="sum")
    judged = labels[labels != IGNORE]
    weight = total.new_tensor(judged.numel()) if weights is None else weights[judged].sum()
    if mean_over_ranks is not None:
        weight = mean_over_ranks(weight)
    return total / weight.clamp(min=1)


def class_weights(source: LabelledSource, classes: int) -> np.ndarray:
    """Return 1 / ln(1.02 + share of pixels) of each class, scaled to a mean of 1.

    The shares are counted on up to 200 frames spread evenly over `source`.

    Returns:
        float32 [classes].
    """
    counts = np.zeros(256, np.int64)
    for index in evenly_spread(len(source), _LABELS_TO_WEIGH):
        counts += np.bincount(source[index][1].reshape(-1), minlength=256)
    judged = counts[:classes]
    weights = 1.0 / np.log(1.02 + judged / max(1, judged.sum()))
    balanced: np.ndarray = (weights / weights.mean()).astype(np.float32)
    return balanced
