# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""AuxCon: a student that imitates the teacher on normal frames (section 3.4; Algorithm 3)."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from torch import nn

from training.layers import SUPERVISED_LAYERS
from training.method.tensor_ops import channel_sum
from training.teachers.factory import build_student_network


class Student(nn.Module):
    """M' of section 3.4: a network whose layers are compared with the teacher's.

    Args:
        architecture: one of training.teachers.ARCHITECTURES, or a backbone alone.
        teacher_channels: channels of each of the teacher's layers; where the student's own
            differ, a 1x1 convolution maps them.
        teacher_strides: strides of those layers; the student's come as near to them as its
            architecture can, and what is left is interpolated where the two are compared.
        width: factor on the student's channels.
        layers: L_s of Eq. 5.
    """

    def __init__(
        self,
        architecture: str,
        teacher_channels: Mapping[str, int],
        teacher_strides: Mapping[str, int],
        *,
        width: float = 1.0,
        layers: Iterable[str] = SUPERVISED_LAYERS,
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.input_size: tuple[int, int] | None = None
        """(height, width) of the input in pixels; None: the teacher's."""
        self.network = build_student_network(architecture, teacher_channels, teacher_strides, width)
        self.mean = self.network.mean
        self.standard_deviation = self.network.standard_deviation
        self.adapters = nn.ModuleDict(
            {
                layer: nn.Conv2d(self.network.channels[layer], teacher_channels[layer], 1)
                for layer in self.layers
                if self.network.channels[layer] != teacher_channels[layer]
            }
        )

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return g of Eq. 5 for every layer of L_s, with the teacher's channels.

        Args:
            x: float32 [N, 3, H, W], normalised RGB.
        """
        own = self.network(x)
        return {
            layer: self.adapters[layer](own[layer]) if layer in self.adapters else own[layer]
            for layer in self.layers
        }


def on_grid_of(teacher: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Return the student's view [N, C, h', w'] on the teacher's grid, as [N, C, h, w].

    Bilinear where they differ: section 3.4 asks the same down-sampling of both networks, which
    not every pair can have. Interpolating here, and not in the student, leaves the fewest
    values to send from graph to graph, and holds for whatever sizes a teacher rounds to.
    """
    if view.shape[2:] == teacher.shape[2:]:
        return view
    return F.interpolate(view, size=teacher.shape[2:], mode="bilinear", align_corners=False)


def imitation_loss(
    teacher: dict[str, torch.Tensor],
    student: dict[str, torch.Tensor],
    looked_at: torch.Tensor | None = None,
) -> torch.Tensor:
    """Compute Eq. 5 for a batch, averaged over its images.

    s^(l), the size of the feature map, is its number of elements, so that a layer weighs the
    same at any resolution and number of channels. Places that are not looked at count in it, with
    an error of 0: every other place has the same weight in any image.

    Args:
        teacher: layer to features, float32 [N, C, h, w].
        student: layer to the student's view of them.
        looked_at: bool [N, H, W], the pixels of the images that are looked at; a place of a layer
            has the value at its centre. None: all.

    Returns:
        float32 [], >= 0.
    """
    losses = []
    for layer, view in student.items():
        squares = (teacher[layer] - on_grid_of(teacher[layer], view)).square()
        if looked_at is not None:
            squares = squares * on_places(looked_at, *squares.shape[2:])
        losses.append(squares.mean())
    return torch.stack(losses).sum()


def on_places(looked_at: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return which places of a grid are looked at, float32 [N, 1, height, width] of 0 and 1.

    Args:
        looked_at: bool [N, H, W], of pixels.
        height: places of the grid.
        width: places of the grid.
    """
    return F.interpolate(looked_at[:, None].float(), size=(height, width), mode="nearest-exact")


def layer_score(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """Return psi of Eq. 6: the mean over channels of the squared difference.

    Args:
        teacher: float32 [N, C, h, w].
        student: float32 [N, C, h', w'], brought to h, w where it has another size.

    Returns:
        float32 [N, 1, h, w], >= 0.
    """
    squares = (teacher - on_grid_of(teacher, student)).square()
    total = channel_sum(squares.flatten(2)).reshape(-1, 1, *teacher.shape[2:])
    return total / teacher.shape[1]
