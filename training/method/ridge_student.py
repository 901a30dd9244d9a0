# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""AuxCon's student in closed form: a frozen generalist and a linear map to the teacher's layers.

Once the student may only weigh given features, Eq. 5 is a least-squares problem: one pass over
the frames sums its normal equations, and their solution is the best such student there is.
"""

from collections.abc import Mapping

import torch
from torch import nn

from training.method.generalist import Generalist


class RidgeStudent(nn.Module):
    """M' of section 3.4 as an affine map of the generalist's features, on the generalist's grid.

    Args:
        generalist: frozen.
        channels: of each layer to imitate.
    """

    def __init__(self, generalist: Generalist, channels: Mapping[str, int]) -> None:
        super().__init__()
        self.generalist = generalist
        self.layers = tuple(channels)
        self.mean = generalist.mean
        self.standard_deviation = generalist.standard_deviation
        self.input_size = generalist.size
        """(height, width) of the input in pixels; None: the teacher's."""
        self.maps = nn.ModuleDict(
            {layer: nn.Conv2d(generalist.channels, count, 1) for layer, count in channels.items()}
        )

    def set_map(self, layer: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Give a layer its weights, float32 [C, D], and bias, float32 [C]."""
        self.maps[layer].load_state_dict({"weight": weight[:, :, None, None], "bias": bias})

    def views(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return g of Eq. 5 for every layer from the generalist's features [N, D, h, w]."""
        return {layer: self.maps[layer](features) for layer in self.layers}

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return g of Eq. 5 for every layer, on the generalist's grid.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.
        """
        return self.views(self.generalist(x))
