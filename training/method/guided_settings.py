# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How strongly the score follows the edges of the image. No torch here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GuidedFilter:
    """How the score follows the picture's edges (training/method/guided_filter.py).

    Attributes:
        radius: of the window, in pixels of the network input, > 0.
        epsilon: variance of a colour, of 0..1, that counts as flat, > 0.
    """

    radius: float
    epsilon: float

    def places(self, stride: int) -> tuple[int, float]:
        """Return the radius in places of a layer of this stride, at least one, and epsilon.

        >>> GuidedFilter(24, 3e-5).places(4)
        (6, 3e-05)
        """
        return max(1, round(self.radius / stride)), self.epsilon
