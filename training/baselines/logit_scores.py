# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores from the logits before any softmax; higher is more anomalous."""

import torch


def maximum_logit_score(logits: torch.Tensor) -> torch.Tensor:
    """Return -max_c logits_c of each pixel.

    Source: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings,
    ICML 2022 (MaxLogit).

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], any sign.
    """
    return -logits.amax(dim=1, keepdim=True)


def energy_score(logits: torch.Tensor) -> torch.Tensor:
    """Return -ln sum_c exp(logits_c) of each pixel: the free energy at temperature 1.

    Source: Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, Eq. 4.

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], any sign.
    """
    return -logits.logsumexp(dim=1, keepdim=True)


def maximum_softmax_score(logits: torch.Tensor) -> torch.Tensor:
    """Return 1 - max_c softmax(logits)_c of each pixel.

    Source: Hendrycks and Gimpel, A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples in Neural Networks, ICLR 2017 (MSP).

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], 0 (sure) .. 1 - 1/classes.
    """
    # The sum over the other classes: 1 - max would round a sure pixel's score to 0.
    probabilities = logits.softmax(dim=1)
    winner = logits.argmax(dim=1, keepdim=True)
    return probabilities.scatter(1, winner, 0.0).sum(dim=1, keepdim=True)


def entropy_score(logits: torch.Tensor) -> torch.Tensor:
    """Return -sum_c p_c ln p_c, with p = softmax(logits), of each pixel.

    Source: the softmax entropy of Blum et al., The Fishyscapes Benchmark, IJCV 2021.

    Args:
        logits: float32 [N, classes, h, w].

    Returns:
        float32 [N, 1, h, w], in nats, 0 (sure) .. ln(classes).
    """
    logarithms = logits.log_softmax(dim=1)
    return -(logarithms.exp() * logarithms).sum(dim=1, keepdim=True)
