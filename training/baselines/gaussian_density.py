# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Gaussian embedding density: Mahalanobis distance to the nearest class."""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.baselines.interface import Features
from training.errors import UsageError
from training.layers import OUTPUT
from training.method.memory import as_vectors, random_places, sample_vectors

PLACES_A_FRAME = 4096
FEWEST_PLACES = 100
"""Of normal frames that a class must be predicted at to have a mean of its own."""

RIDGE = 1e-3
"""Added to the covariance's diagonal, over the mean variance: a channel that never fires on
normal frames would otherwise have no inverse."""


class GaussianDensity:
    """min_c (f - mean_c)^T S^-1 (f - mean_c), of each feature f.

    mean_c is the mean of the features predicted as class c on normal frames, and S the covariance
    around these means, shared by all classes.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks, NeurIPS 2018, Eq. 1 and 2. The simplest of the embedding densities that
    Blum et al. (The Fishyscapes Benchmark, IJCV 2021) compare on segmentation networks. Classes
    are predicted ones, since fitting frames have no labels.
    """

    def __init__(self, layer: str, classes: int, *, seed: int = 0) -> None:
        self._layer = layer
        self._classes = classes
        self._generator = torch.Generator().manual_seed(seed)
        self._counts = torch.zeros(classes, dtype=torch.float64)
        self._sums: torch.Tensor | None = None
        self._products: torch.Tensor | None = None
        self._whitening = torch.empty(0, 0)
        self._whitened_means = torch.empty(0, 0)

    def update(self, features: Features) -> None:
        """Take in some places of one normal frame, in float64."""
        feature_map = features[self._layer]
        number, channels, height, width = feature_map.shape
        logits = features[OUTPUT]
        if logits.shape[2:] != feature_map.shape[2:]:
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        places = random_places(number * height * width, PLACES_A_FRAME, self._generator)
        class_id = logits.argmax(dim=1).flatten()[places.to(logits.device)].cpu()
        vectors = sample_vectors(feature_map, places, torch.float64)
        if self._sums is None or self._products is None:
            self._sums = torch.zeros(self._classes, channels, dtype=torch.float64)
            self._products = torch.zeros(channels, channels, dtype=torch.float64)
        self._counts.index_add_(0, class_id, torch.ones_like(vectors[:, 0]))
        self._sums.index_add_(0, class_id, vectors)
        self._products += vectors.T @ vectors

    def compute(self) -> None:
        """Compute means and shared covariance.

        Raises:
            UsageError: no class was predicted at FEWEST_PLACES places or more.
        """
        kept = self._counts >= FEWEST_PLACES
        if self._sums is None or self._products is None or not kept.any():
            raise UsageError(
                f"no class is predicted at {FEWEST_PLACES} places of the normal frames; give more"
            )
        seen = self._counts > 0
        means = self._sums[seen] / self._counts[seen, None]
        between = (self._counts[seen, None] * means).T @ means
        covariance = (self._products - between) / self._counts.sum()
        covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
        # |W (f - mean)|^2 is the distance, for any W with W^T W = S^-1.
        factor = torch.linalg.cholesky(covariance)
        identity = torch.eye(len(factor), dtype=torch.float64)
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
        self._whitening = whitening.float()
        means_kept = self._sums[kept] / self._counts[kept, None]
        self._whitened_means = (means_kept @ whitening.T).float()

    def distances(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the score of feature vectors [n, C], float32 [n], >= 0."""
        return (
            torch.cdist(
                vectors @ self._whitening.T.to(vectors.device),
                self._whitened_means.to(vectors.device),
                # |a|^2 + |b|^2 - 2ab would lose the digits that tell near distances apart.
                compute_mode="donot_use_mm_for_euclid_dist",
            )
            .amin(dim=1)
            .square()
        )

    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, h, w] at the stride of the layer, >= 0."""
        feature_map = features[self._layer]
        number, _, height, width = feature_map.shape
        return self.distances(as_vectors(feature_map)).view(number, 1, height, width)
