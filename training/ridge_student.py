"""AuxCon's student in closed form: a frozen backbone and a linear map to the teacher's layers.

Once the student may only weigh given features, Eq. 5 is a least-squares problem: one pass over
the frames sums its normal equations, and their solution is the best such student there is.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.teachers.efficientnet_lite0 import EfficientNetLite0
from training.teachers.resnet import ResNet


class RidgeStudent(nn.Module):
    """M' of section 3.4 as an affine map of a frozen backbone's features.

    All of the backbone's layers, brought to a layer's size, are what that layer is made from.

    Args:
        encoder: the frozen backbone.
        channels: of each layer to imitate.
        sizes: (height, width) of each of those layers, for the one input size it is used at.
    """

    def __init__(
        self,
        encoder: ResNet | EfficientNetLite0,
        channels: Mapping[str, int],
        sizes: Mapping[str, tuple[int, int]],
    ) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()
        self.layers = tuple(sizes)
        self.sizes = dict(sizes)
        self.mean = encoder.mean
        self.standard_deviation = encoder.standard_deviation
        inputs = sum(encoder.channels.values())
        self.maps = nn.ModuleDict({x: nn.Conv2d(inputs, channels[x], 1) for x in self.layers})

    def set_map(self, layer: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Give a layer its weights, float32 [C, D], and bias, float32 [C]."""
        self.maps[layer].load_state_dict({"weight": weight[:, :, None, None], "bias": bias})

    def inputs(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each layer is made from.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.

        Returns:
            layer to float32 [N, D, h, w], D the sum of the backbone's channels.
        """
        features = self.encoder(x).values()
        by_size = {
            size: torch.cat([_resized(feature, size) for feature in features], dim=1)
            for size in set(self.sizes.values())
        }
        return {layer: by_size[size] for layer, size in self.sizes.items()}

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """g of Eq. 5 for every layer, in the teacher's shapes.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.
        """
        return {layer: self.maps[layer](values) for layer, values in self.inputs(x).items()}


class NormalEquations:
    """Sums over positions that decide a ridge regression, in float64.

    Args:
        inputs: number of input channels D.
        outputs: number of output channels C.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        self._inputs = inputs
        # Of [x, 1]^T [x, 1, y]: every first and second moment that is needed, in one product.
        self.sums = torch.zeros(inputs + 1, inputs + 1 + outputs, dtype=torch.float64)

    def add(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Count the positions of x float32 [N, D, h, w] and y float32 [N, C, h, w]."""
        one = torch.ones_like(x[:, :1])
        # Moments about zero become moments about the mean by a difference of large numbers:
        # float32 would leave few digits of it.
        rows = torch.cat([x, one, y], dim=1).permute(0, 2, 3, 1).flatten(0, 2).double()
        self.sums += (rows[:, : self._inputs + 1].T @ rows).to(self.sums)

    def solve(self, penalty: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and bias of the ridge regression.

        Minimises the mean over positions of |W x + b - y|^2 + penalty * v * |W|^2, where v is
        the mean variance of the inputs, so that the penalty has no unit.

        Args:
            penalty: > 0.

        Returns:
            float32 [C, D] and [C].

        Raises:
            ValueError: nothing was added.
        """
        d = self._inputs
        count = self.sums[d, d]
        if count == 0:
            raise ValueError("no positions to fit the student to")
        mean_x, mean_y = self.sums[d, :d] / count, self.sums[d, d + 1 :] / count
        covariance = self.sums[:d, :d] / count - torch.outer(mean_x, mean_x)
        crossed = self.sums[:d, d + 1 :] / count - torch.outer(mean_x, mean_y)
        ridge = penalty * covariance.diagonal().mean() * torch.eye(d, dtype=torch.float64)
        weight = torch.linalg.solve(covariance + ridge, crossed)
        bias = mean_y - mean_x @ weight
        return weight.T.float(), bias.float()


def _resized(feature: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(feature.shape[2:]) == size:
        return feature
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)
