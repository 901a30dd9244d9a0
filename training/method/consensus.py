# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Two-way consensus: can the teacher explain what the generalist sees, and the other way round?

Forward, the paper's way (Eq. 6): a student on the generalist says what the teacher sees. An
unknown thing that both take for road gets through. Backward: a linear map from a layer of the
teacher says what the generalist sees. A teacher of streets has no features for a boar, and the
generalist has: what the map leaves unexplained, measured by what it leaves on normal frames, is
the backward score. Both maps are closed forms of the same sums.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from training.method.tensor_ops import channel_sum

BACKWARD_PENALTY = 1e-3
"""Of the backward ridge regression, relative to the variance of its standardised inputs."""

WHITENING_FLOOR = 0.1
"""Added to the eigenvalues of the residuals' covariance, relative to their mean."""

_SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class BackwardMap:
    """The whitened residual of the generalist's features: P (b - V y - c) = A b - B y - a.

    Attributes:
        of_generalist: A = P, float32 [D, D].
        of_teacher: B = P V, float32 [D, C]; C is 0 where nothing explains the generalist, and
            the score is the squared Mahalanobis distance to the normal frames, a channel.
        offset: a = P c, float32 [D].
    """

    of_generalist: torch.Tensor
    of_teacher: torch.Tensor
    offset: torch.Tensor


class SecondMoments:
    """Sums over positions of what the generalist and the teacher see there, in float64.

    Every ridge regression between the two, and the covariance of what it leaves, follows from
    them.

    Args:
        generalist: number of its channels D.
        teacher: layer to number of channels.
    """

    def __init__(self, generalist: int, teacher: Mapping[str, int]) -> None:
        self._generalist = slice(0, generalist)
        self._places: dict[str, slice] = {}
        start = generalist
        for layer, channels in teacher.items():
            self._places[layer] = slice(start, start + channels)
            start += channels
        # Of [b, y, ..., 1]: every first and second moment that is needed, in one product.
        self.sums = torch.zeros(start + 1, start + 1, dtype=torch.float64)

    def add(
        self,
        generalist: torch.Tensor,
        teacher: Mapping[str, torch.Tensor],
        places: torch.Tensor | None = None,
    ) -> None:
        """Count the positions of some frames.

        Args:
            generalist: float32 [N, D, h, w].
            teacher: layer to float32 [N, C, h, w].
            places: bool [N, h, w] of the positions that count; None: all.
        """
        one = torch.ones_like(generalist[:, :1])
        parts = [generalist, *(teacher[layer] for layer in self._places), one]
        # Moments about zero become moments about the mean by a difference of large numbers:
        # float32 would leave few digits of it.
        rows = torch.cat(parts, dim=1).permute(0, 2, 3, 1).flatten(0, 2).double()
        if places is not None:
            rows = rows[places.flatten()]
        self.sums += (rows.T @ rows).to(self.sums)

    def forward_map(self, layer: str, penalty: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weights and bias that say the teacher's layer from the generalist's features.

        They minimise the mean over positions of |W b + w - y|^2 + penalty * v * |W|^2, where v is
        the mean variance of the generalist's channels, so that the penalty has no unit (Eq. 5).

        Args:
            layer: of the teacher.
            penalty: > 0.

        Returns:
            float32 [C, D] and [C].

        Raises:
            ValueError: nothing was added.
        """
        mean, covariance = self._central()
        b, y = self._generalist, self._places[layer]
        own = covariance[b, b]
        ridge = penalty * own.diagonal().mean() * torch.eye(len(own), dtype=own.dtype)
        weight = torch.linalg.solve(own + ridge, covariance[b, y])
        bias = mean[y] - mean[b] @ weight
        return weight.T.float(), bias.float()

    def backward_map(
        self,
        layer: str | None,
        penalty: float = BACKWARD_PENALTY,
        floor: float = WHITENING_FLOOR,
    ) -> BackwardMap:
        """Return the map from a layer of the teacher to the whitened rest of the generalist.

        V minimises the mean over positions of |b - V y - c|^2 + penalty * |V'|^2, V' the same
        weights on inputs of unit variance. With S = Q diag(l) Q^T the covariance of the rest on
        the positions that were added, P = diag(l + floor * mean(l))^(-1/2) Q^T.

        Args:
            layer: of the teacher; None explains nothing: V = 0, and c is the mean.
            penalty: > 0.
            floor: > 0; what the normal frames hardly vary in would weigh without bounds.

        Raises:
            ValueError: nothing was added.
        """
        mean, covariance = self._central()
        b = self._generalist
        y = slice(0, 0) if layer is None else self._places[layer]
        own, inner = covariance[b, b], covariance[y, y]
        scale = inner.diagonal().clamp(min=_SMALLEST_DEVIATION**2).sqrt()
        correlation = inner / torch.outer(scale, scale)
        ridge = penalty * torch.eye(len(inner), dtype=inner.dtype)
        crossed = covariance[y, b] / scale[:, None]
        standardised = torch.linalg.solve(correlation + ridge, crossed)
        weight = (standardised / scale[:, None]).T
        rest = own - weight @ covariance[y, b] - covariance[b, y] @ weight.T
        rest = rest + weight @ inner @ weight.T
        values, vectors = torch.linalg.eigh((rest + rest.T) / 2)
        values = values.clamp(min=0.0)
        whitening = (values + floor * values.mean()).rsqrt()[:, None] * vectors.T
        offset = whitening @ (mean[b] - weight @ mean[y])
        return BackwardMap(whitening.float(), (whitening @ weight).float(), offset.float())

    def _central(self) -> tuple[torch.Tensor, torch.Tensor]:
        count = self.sums[-1, -1]
        if count == 0:
            raise ValueError("no positions to fit a map to")
        mean = self.sums[-1, :-1] / count
        return mean, self.sums[:-1, :-1] / count - torch.outer(mean, mean)


def backward_score(
    generalist: torch.Tensor, teacher: torch.Tensor | None, backward: BackwardMap
) -> torch.Tensor:
    """Return the mean over channels of the squared whitened residual.

    On normal frames its mean is about 1 (a little less, for the floor of the whitening).

    Args:
        generalist: b, float32 [1, D, h, w].
        teacher: y, float32 [1, C, h, w], on the same grid; None where nothing explains b.
        backward: the fitted map.

    Returns:
        float32 [1, 1, h, w], >= 0.
    """
    rest = backward.of_generalist @ generalist.flatten(2)[0] - backward.offset[:, None]
    if teacher is not None:
        rest = rest - backward.of_teacher @ teacher.flatten(2)[0]
    score = channel_sum(rest.square()) / len(rest)
    return score.reshape(1, 1, *generalist.shape[2:])
