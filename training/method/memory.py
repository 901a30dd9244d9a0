# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""MulMem: banks of prototypes of a teacher's features (section 3.3; Algorithms 1 and 2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.method.tensor_ops import block_means, channel_sum, means_of_blocks

MAXIMUM_MISSES = 20_000
"""Candidates in a row that bring nothing new, after which Algorithm 1 gives up filling K."""

_CANDIDATES_AT_ONCE = 1024
_POSITIONS_AT_ONCE = 16_384
_SMALLEST_NORM = 1e-6

# Places that are compared with the bank at once, when a frame is scored. Fewer than 512 leave a
# matrix product nothing to share among threads; more than 16 blocks are mostly overhead on a GPU.
_SMALLEST_BLOCK = 512
_MOST_BLOCKS = 16


@dataclass(frozen=True)
class Initialisation:
    """What Algorithm 1 came to.

    Attributes:
        prototypes: float32 [k, C], k <= K.
        candidates: how many features were looked at.
        filled: whether K was reached before the misses ran out.
    """

    prototypes: torch.Tensor
    candidates: int
    filled: bool


def as_vectors(feature_map: torch.Tensor) -> torch.Tensor:
    """Feature vectors [N*h*w, C] of feature maps [N, C, h, w]."""
    return feature_map.permute(0, 2, 3, 1).flatten(0, 2)


def cosine_similarity(features: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    """Return phi of Eq. 1 and 3 for every pair: [n, C] and [k, C] to [n, k], in -1..1.

    A vector of norm zero is similar to nothing (0).
    """
    unit_features = F.normalize(features, dim=1, eps=_SMALLEST_NORM)
    return unit_features @ F.normalize(prototypes, dim=1, eps=_SMALLEST_NORM).T


def initialise(
    features: torch.Tensor,
    *,
    size: int,
    similarity_threshold: float,
    maximum_misses: int = MAXIMUM_MISSES,
    generator: torch.Generator,
) -> Initialisation:
    """Algorithm 1: pick features that resemble no prototype picked so far.

    The paper's loop never ends when fewer than K features differ enough; this one ends after
    `maximum_misses` candidates in a row brought nothing new.

    Args:
        features: float32 [n, C], features of a batch of images, the same number from each, so
            that a random row is a random feature of a random image.
        size: K, at least 1.
        similarity_threshold: tau, in -1..1.
        maximum_misses: at least 1.
        generator: source of the random order.

    Raises:
        ValueError: no features, or K or the number of misses below 1.
    """
    if len(features) == 0:
        raise ValueError("no features to pick prototypes from")
    if size < 1 or maximum_misses < 1:
        raise ValueError(f"K and misses must be at least 1, not {size} and {maximum_misses}")
    unit = F.normalize(features, dim=1, eps=_SMALLEST_NORM)
    picked: list[int] = []
    bank = unit.new_zeros(size, unit.shape[1])
    candidates = misses = 0
    while len(picked) < size and misses < maximum_misses:
        chunk = torch.randint(len(features), (_CANDIDATES_AT_ONCE,), generator=generator)
        unlike_bank = _best_similarity(unit[chunk], bank[: len(picked)]) < similarity_threshold
        # Only candidates unlike the bank as it was before the chunk can be picked, so only
        # they must be compared, one by one, with what the chunk itself has added.
        for index, unlike in zip(chunk.tolist(), unlike_bank.tolist(), strict=True):
            candidates += 1
            if unlike:
                best = _best_similarity(unit[index : index + 1], bank[: len(picked)])
                unlike = bool(best < similarity_threshold)
            if unlike:
                bank[len(picked)] = unit[index]
                picked.append(index)
                misses = 0
            else:
                misses += 1
            if len(picked) == size or misses == maximum_misses:
                break
    return Initialisation(features[picked].clone(), candidates, len(picked) == size)


def _best_similarity(unit_features: torch.Tensor, unit_bank: torch.Tensor) -> torch.Tensor:
    if len(unit_bank) == 0:
        return unit_features.new_full((len(unit_features),), -torch.inf)
    return (unit_features @ unit_bank.T).amax(dim=1)


def update(
    prototypes: torch.Tensor,
    features: torch.Tensor,
    momentum: float,
    sum_over_ranks: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Algorithm 2 for one batch: Eq. 1 assigns, Eq. 2 moves.

    Args:
        prototypes: float32 [k, C].
        features: float32 [n, C], all features of the batch, or this process's part of them, which
            may be empty.
        momentum: m, in 0..1; 1 never moves.
        sum_over_ranks: where several processes share a batch, the sum of all their values of a
            float64 tensor. Then all of them return what one process would with the whole batch.

    Returns:
        float32 [k, C]; a prototype that is nearest to no feature stays where it is.
    """
    # float64, so that the order of addition, which differs with the number of processes, is lost
    # when the mean is rounded to float32.
    total = torch.zeros_like(prototypes, dtype=torch.float64)
    count = total.new_zeros(len(prototypes))
    for part in features.split(_POSITIONS_AT_ONCE):
        nearest = cosine_similarity(part, prototypes).argmax(dim=1)
        total.index_add_(0, nearest, part.double())
        count.index_add_(0, nearest, torch.ones_like(nearest, dtype=count.dtype))
    if sum_over_ranks is not None:
        total, count = sum_over_ranks(total), sum_over_ranks(count)
    mean = (total / count.clamp(min=1.0)[:, None]).to(prototypes.dtype)
    moved = momentum * prototypes + (1.0 - momentum) * mean
    return torch.where(count[:, None] > 0, moved, prototypes)


def pooled(
    features: Mapping[str, torch.Tensor], grid: tuple[int, int] | None = None
) -> dict[str, torch.Tensor]:
    """Average-pool every layer to the grid of the coarsest, or every finer one to a given grid.

    A decoder's features on a fine grid vary with edges and texture, which says little of what a
    thing is; pooled ones are remembered better (training/README.md) and cost a sixteenth.

    Args:
        features: layer to float32 [N, C, h, w].
        grid: (height, width), to which `block_means` brings finer layers as near as it can; layers
            that are not finer stay as they are. None: the coarsest's.

    Returns:
        layer to float32 [N, C, h', w']. Where h' and w' do not divide h and w, the last rows and
        columns are repeated.
    """
    if not features:
        return {}
    if grid is not None:
        return {layer: block_means(x, grid) for layer, x in features.items()}
    height = min(x.shape[2] for x in features.values())
    width = min(x.shape[3] for x in features.values())
    return {layer: _pooled_to(x, height, width) for layer, x in features.items()}


def _pooled_to(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    tall, wide = -(-x.shape[2] // height), -(-x.shape[3] // width)
    if tall == wide == 1:
        return x
    return means_of_blocks(x, (tall, wide), (tall * height - x.shape[2], wide * width - x.shape[3]))


def layer_score(features: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """Return gamma of Eq. 3: one minus the similarity to the nearest prototype.

    Args:
        features: float32 [1, C, h, w].
        bank: float32 [K, C], rows of norm 1.

    Returns:
        float32 [1, 1, h, w] in 0..2, 0 on a prototype.
    """
    vectors = features.reshape(features.shape[1], -1)
    # A similarity for every place and prototype would be the largest array of the whole method,
    # written and read once each. Of a block of places it stays small, and mostly in a cache.
    places = vectors.shape[1]
    block = max(_SMALLEST_BLOCK, -(-places // _MOST_BLOCKS))
    nearest = torch.cat(
        [
            _nearest_similarity(vectors[:, start : start + block], bank)
            for start in range(0, places, block)
        ]
    )
    return (1.0 - nearest).clamp(min=0.0).reshape(1, 1, *features.shape[2:])


def _nearest_similarity(vectors: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """Return the largest cosine of each column of [C, n] with a row of the bank [K, C]: [n]."""
    # The norm of a feature is the same for every prototype: dividing the one maximum by it
    # is n divisions instead of C*n, and never holds a normalised copy.
    norm = channel_sum(vectors.square()).sqrt().clamp(min=_SMALLEST_NORM)
    # A row per place, so that the maximum is along what lies side by side in memory.
    return (vectors.T @ bank.T).amax(dim=1) / norm


def random_places(number: int, most: int, generator: torch.Generator) -> torch.Tensor:
    """At most `most` different indices below `number`, int64, in random order."""
    return torch.randperm(number, generator=generator)[:most]


def sample_vectors(
    feature_map: torch.Tensor, places: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """Feature vectors [n, C] of a map [N, C, h, w] at flat places of its N*h*w, on the CPU."""
    return as_vectors(feature_map)[places.to(feature_map.device)].to("cpu", dtype)
