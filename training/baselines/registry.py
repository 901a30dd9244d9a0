# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""All baselines by name, in the order of tables."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from training.baselines.gaussian_density import GaussianDensity
from training.baselines.interface import Baseline, Features
from training.baselines.logit_scores import (
    energy_score,
    entropy_score,
    maximum_logit_score,
    maximum_softmax_score,
)
from training.baselines.minimum_density import MinimumDensity
from training.baselines.monte_carlo_dropout import MonteCarloDropout
from training.baselines.nearest_neighbours import NearestNeighbours
from training.baselines.standardised_max_logit import StandardisedMaxLogit
from training.layers import LAST_HIDDEN, OUTPUT, memory_layers_among
from training.teachers.interface import Teacher

_NEIGHBOUR_LAYERS = ("c5", "c4", LAST_HIDDEN)
"""Deepest first; a teacher may lack some."""


@dataclass(frozen=True)
class LogitScore:
    """A method that is a function of the logits alone."""

    function: Callable[[torch.Tensor], torch.Tensor]

    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, h, w] at the stride of the logits."""
        return self.function(features[OUTPUT])


@dataclass(frozen=True)
class CatalogueEntry:
    """One baseline: its name for people, and how it is made of a teacher and a seed."""

    title: str
    build: Callable[[Teacher, int], Baseline]


def _neighbours(teacher: Teacher, seed: int) -> Baseline:
    layer = next(layer for layer in _NEIGHBOUR_LAYERS if layer in teacher.channels)
    return NearestNeighbours(layer, seed=seed)


BASELINES = {
    "msp": CatalogueEntry("MSP", lambda *_: LogitScore(maximum_softmax_score)),
    "entropy": CatalogueEntry("entropy", lambda *_: LogitScore(entropy_score)),
    "maxlogit": CatalogueEntry("MaxLogit", lambda *_: LogitScore(maximum_logit_score)),
    "energy": CatalogueEntry("energy", lambda *_: LogitScore(energy_score)),
    "sml": CatalogueEntry("SML", lambda teacher, _: StandardisedMaxLogit(teacher.channels[OUTPUT])),
    "dropout": CatalogueEntry(
        "MC dropout", lambda teacher, seed: MonteCarloDropout(teacher, seed=seed)
    ),
    "knn": CatalogueEntry("kNN density", _neighbours),
    "gaussian": CatalogueEntry(
        "Gaussian density",
        lambda teacher, seed: GaussianDensity(LAST_HIDDEN, teacher.channels[OUTPUT], seed=seed),
    ),
    "mindensity": CatalogueEntry(
        "minimum NLL",
        lambda teacher, seed: MinimumDensity(
            # The layers that MulMem reads, so that the comparison is of methods alone.
            memory_layers_among(teacher.channels),
            teacher.channels[OUTPUT],
            seed=seed,
        ),
    ),
}
