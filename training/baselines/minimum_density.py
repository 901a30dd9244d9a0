# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Minimum embedding density: anomalous is what is improbable in every layer."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.baselines.gaussian_density import GaussianDensity
from training.baselines.interface import Features
from training.method.memory import random_places, sample_vectors

PLACES_A_FRAME = 32
"""Of each normal frame and layer, for the layer's mean negative log-likelihood."""


class MinimumDensity:
    """min_l (N_l(f_l) - mean of N_l on normal frames), with f_l the feature of layer l at a place.

    N_l is the negative log-likelihood of layer l, higher where features are improbable. Without
    the subtraction the layer with the fewest channels would always be the minimum. After it, a
    place is anomalous only if no layer takes it for normal.

    Source: Blum et al., The Fishyscapes Benchmark, IJCV 2021: the embedding density "minimum NLL".
    They estimate the density of each layer by a normalising flow. Here it is the density that
    `GaussianDensity` states, N_l = d_l^2 / 2 + constant, with d_l^2 the Mahalanobis distance to
    the nearest class; the constant cancels. The two baselines so differ in the layers alone.

    Layers of different strides are compared at the finest of them, by bilinear interpolation.

    Args:
        layers: whose features, one or more.
        classes: number of classes.
        seed: of the places that are looked at.
    """

    def __init__(self, layers: Sequence[str], classes: int, *, seed: int = 0) -> None:
        self._densities = {layer: GaussianDensity(layer, classes, seed=seed) for layer in layers}
        self._samples: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
        self._means: dict[str, float] = {}
        self._generator = torch.Generator().manual_seed(seed)

    def update(self, features: Features) -> None:
        """Take in some places of one normal frame, the densities in float64."""
        for layer, density in self._densities.items():
            density.update(features)
            places = random_places(features[layer][:, 0].numel(), PLACES_A_FRAME, self._generator)
            self._samples[layer].append(sample_vectors(features[layer], places, torch.float32))

    def compute(self) -> None:
        """Compute the density of each layer, and its mean on the normal frames.

        Raises:
            UsageError: no class was predicted at enough places, see `GaussianDensity.compute`.
        """
        for layer, density in self._densities.items():
            density.compute()
            sample = torch.cat(self._samples[layer])
            self._means[layer] = float(density.distances(sample).double().mean()) / 2
            self._samples[layer].clear()

    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, h, w] at the layers' finest stride; 0 is the normal mean."""
        normalised = [
            density.score(features) / 2 - self._means[layer]
            for layer, density in self._densities.items()
        ]
        height, width = max(tuple(score.shape[2:]) for score in normalised)
        return torch.stack(
            [
                score
                if score.shape[2:] == (height, width)
                else F.interpolate(score, (height, width), mode="bilinear", align_corners=False)
                for score in normalised
            ]
        ).amin(dim=0)
