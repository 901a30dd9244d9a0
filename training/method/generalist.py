# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The frozen generalist: a backbone that knows more than streets, read on one grid.

AuxCon's student in closed form stands on it, and the backward consensus asks whether the teacher
can explain what it sees.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.layers import generalist_layer
from training.method.tensor_ops import block_means


class Generalist(nn.Module):
    """All layers of a frozen backbone, side by side on one grid.

    Args:
        encoder: float32 [N, 3, H, W], normalised RGB, to layer -> [N, C, h, w]; with the attributes
            `mean`, `standard_deviation` and `channels` of `teachers.Teacher`.
        grid: (height, width) that every layer is brought to, for the one input size it is used at.
        size: (height, width) in pixels of its input; None: the teacher's.
        layers: of the backbone, that are used; None: all. What lies behind the last of them is
            not exported.
    """

    def __init__(
        self,
        encoder: nn.Module,
        grid: tuple[int, int],
        size: tuple[int, int] | None = None,
        layers: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()
        self.grid = grid
        self.size = size
        self.mean: tuple[float, float, float] = encoder.mean  # type: ignore[assignment]
        self.standard_deviation: tuple[float, float, float] = encoder.standard_deviation  # type: ignore[assignment]
        known: dict[str, int] = dict(encoder.channels)  # type: ignore[arg-type]
        self.layer_channels = known if layers is None else {name: known[name] for name in layers}
        self.channels = sum(self.layer_channels.values())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layers' features one after the other, float32 [N, D, h, w].

        Args:
            x: float32 [N, 3, H, W], normalised RGB.
        """
        return self.side_by_side(self.by_layer(x))

    def by_layer(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the layers' features, each on its own grid, by the layer's name in the memory."""
        features = self.encoder(x)
        return {generalist_layer(name): features[name] for name in self.layer_channels}

    def side_by_side(self, by_layer: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return what `forward` does, of features from `by_layer`."""
        return torch.cat([on_grid(features, self.grid) for features in by_layer.values()], dim=1)

    def slices(self) -> dict[str, slice]:
        """Return where each layer stands among the channels, by its name in the memory."""
        return layer_slices(self.layer_channels)


def layer_slices(channels: Mapping[str, int]) -> dict[str, slice]:
    """Return the places of the layers in their concatenation.

    Args:
        channels: layer of the backbone to its number of channels, in order.

    Returns:
        `generalist_<layer>` to a slice of the concatenation's channels.

    >>> layer_slices({"c3": 40, "c4": 112})["generalist_c4"]
    slice(40, 152, None)
    """
    places, start = {}, 0
    for layer, count in channels.items():
        places[generalist_layer(layer)] = slice(start, start + count)
        start += count
    return places


def split_layers(features: torch.Tensor, places: Mapping[str, slice]) -> dict[str, torch.Tensor]:
    """Return the layers that a concatenation float32 [N, D, h, w] is made of, by name."""
    return {layer: features[:, place] for layer, place in places.items()}


def on_grid(features: torch.Tensor, grid: Iterable[int]) -> torch.Tensor:
    """Bring features [N, C, h, w] to a grid; finer ones are averaged, not sampled.

    What `block_means` leaves to the grid is interpolated bilinearly.

    Args:
        features: float32 [N, C, h, w].
        grid: (height, width).
    """
    height, width = grid
    features = block_means(features, (height, width))
    if tuple(features.shape[2:]) == (height, width):
        return features
    return F.interpolate(features, size=(height, width), mode="bilinear", align_corners=False)
