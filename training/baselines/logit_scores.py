# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores from the logits before any softmax; higher is more anomalous."""

import torch


def maximum_logit_score(logits: torch.Tensor) -> torch.Tensor:
    """-max_c logits_c, of each pixel.

    Source: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings,
    ICML 2022 (MaxLogit).

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], any sign.
    """
    return -logits.amax(dim=1, keepdim=True)


def energy_score(logits: torch.Tensor) -> torch.Tensor:
    """-ln sum_c exp(logits_c), of each pixel: the free energy at temperature 1.

    Source: Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, Eq. 4.

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], any sign.
    """
    return -logits.logsumexp(dim=1, keepdim=True)
