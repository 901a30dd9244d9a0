# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which features of a mark become prototypes: the condition of Algorithm 1, without its chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SMALLEST_NORM = 1e-6


def new_prototypes(
    features: NDArray[np.float32], bank: NDArray[np.float32], *, similarity_threshold: float
) -> NDArray[np.float32]:
    """Return the features that resemble no prototype, as prototypes.

    The condition of Algorithm 1: a feature f joins a bank S where

        max over s in S of (f . s) / (|f| |s|)  <  tau

    and S includes the features that joined before it. Algorithm 1 draws its candidates by chance;
    here they come in the order in which they are given, and each comes once.

    Args:
        features: float32 [n, C].
        bank: float32 [K, C], rows of length 1.
        similarity_threshold: tau, in -1..1.

    Returns:
        float32 [k, C], k <= n, rows of length 1. A feature of length 0 has no direction and never
        joins.

    >>> bank = np.array([[1.0, 0.0]], np.float32)
    >>> features = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 5.0]], np.float32)
    >>> new_prototypes(features, bank, similarity_threshold=0.95)
    array([[0., 1.]], dtype=float32)
    """
    lengths = np.linalg.norm(features.astype(np.float64), axis=1)
    long_enough = lengths > _SMALLEST_NORM
    unit = (features[long_enough] / lengths[long_enough, None]).astype(np.float32)
    # With the bank all are compared at once; with each other only those that may still join.
    unlike = (
        (unit @ bank.T).max(axis=1, initial=-np.inf) < similarity_threshold
        if len(bank)
        else np.ones(len(unit), bool)
    )
    joined: list[NDArray[np.float32]] = []
    for candidate in unit[unlike]:
        if all(float(candidate @ other) < similarity_threshold for other in joined):
            joined.append(candidate)
    return np.array(joined, np.float32).reshape(-1, features.shape[1])
