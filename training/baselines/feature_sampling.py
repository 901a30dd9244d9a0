# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Random places of a feature map, to learn from without keeping all."""

import torch

from training.method.memory import as_vectors


def random_places(number: int, most: int, generator: torch.Generator) -> torch.Tensor:
    """At most `most` different indices below `number`, int64, in random order."""
    return torch.randperm(number, generator=generator)[:most]


def sample_vectors(
    feature_map: torch.Tensor, places: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """Feature vectors [n, C] of a map [N, C, h, w] at flat places of its N*h*w, on the CPU."""
    return as_vectors(feature_map)[places.to(feature_map.device)].to("cpu", dtype)
