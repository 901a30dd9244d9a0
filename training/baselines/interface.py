# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a baseline is given and what it answers."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch

NETWORK_INPUT = "input"
"""Name, among a frame's features, of what the teacher was given: float32 [N, 3, H, W]."""

Features = Mapping[str, torch.Tensor]
"""A frame as the teacher sees it: every layer of it by name, float32 [N, C, h, w], of which `o`
holds logits, and NETWORK_INPUT."""


class Baseline(Protocol):
    """A score of each place of a frame."""

    def score(self, features: Features) -> torch.Tensor:
        """float32 [N, 1, h, w] at the method's own stride; higher is more anomalous."""
        ...


@runtime_checkable
class LearningBaseline(Baseline, Protocol):
    """A baseline that looks at normal frames before its first score."""

    def update(self, features: Features) -> None:
        """Take in one normal frame."""
        ...

    def compute(self) -> None:
        """Turn what was taken in into what `score` needs; called once, after the last frame.

        Raises:
            UsageError: the frames were too few.
        """
        ...
