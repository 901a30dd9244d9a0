# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""kNN embedding density: how far away the k-th nearest feature of normal frames is."""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.baselines.interface import Features
from training.errors import UsageError
from training.method.memory import as_vectors, random_places, sample_vectors

NEIGHBOURS = 5
BANK_SIZE = 8192
PLACES_A_FRAME = 128
_ROWS_AT_ONCE = 1024


class NearestNeighbours:
    """1 - cos(f, n_k): f a feature, n_k the k-th most similar one of a bank of normal features.

    Source: Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022: the
    distance to the k-th neighbour among unit vectors, |f - n|^2 = 2 (1 - cos(f, n)). On the
    embeddings of a segmentation network: the kNN density of Blum et al., The Fishyscapes
    Benchmark, IJCV 2021.

    The bank is a random sample of features, where MulMem's prototypes are chosen and averaged.

    Args:
        layer: whose features.
        neighbours: k.
        bank_size: features kept of all normal frames.
        seed: of the sample.
    """

    def __init__(
        self,
        layer: str,
        *,
        neighbours: int = NEIGHBOURS,
        bank_size: int = BANK_SIZE,
        seed: int = 0,
    ) -> None:
        self._layer = layer
        self._neighbours = neighbours
        self._bank_size = bank_size
        self._generator = torch.Generator().manual_seed(seed)
        self._samples: list[torch.Tensor] = []
        self._bank = torch.empty(0, 0)

    def update(self, features: Features) -> None:
        """Take in some places of one normal frame."""
        feature_map = features[self._layer]
        number = feature_map[:, 0].numel()
        places = random_places(number, PLACES_A_FRAME, self._generator)
        self._samples.append(sample_vectors(feature_map, places, torch.float32))

    def compute(self) -> None:
        """Draw the bank.

        Raises:
            UsageError: fewer features than neighbours.
        """
        pool = torch.cat(self._samples) if self._samples else self._bank
        self._samples.clear()
        if len(pool) < self._neighbours:
            raise UsageError(
                f"{len(pool)} normal features are too few for {self._neighbours} neighbours; "
                "give more normal frames"
            )
        rows = random_places(len(pool), self._bank_size, self._generator)
        self._bank = F.normalize(pool[rows], dim=1)

    def score(self, features: Features) -> torch.Tensor:
        """Return scores float32 [N, 1, h, w] at the stride of the layer, 0..2."""
        feature_map = features[self._layer]
        bank = self._bank = self._bank.to(feature_map.device)
        # Row by row of places: all of them against the whole bank would not fit into memory.
        similarities = [
            (F.normalize(rows, dim=1) @ bank.T).topk(self._neighbours, dim=1).values[:, -1]
            for rows in as_vectors(feature_map).split(_ROWS_AT_ONCE)
        ]
        number, _, height, width = feature_map.shape
        return (1.0 - torch.cat(similarities)).clamp(min=0.0).view(number, 1, height, width)
