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
    teacher: dict[str, torch.Tensor], student: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Eq. 5 for a batch, averaged over its images.

    s^(l), the size of the feature map, is its number of elements, so that a layer weighs the
    same at any resolution and number of channels.
    """
    losses = [
        (teacher[layer] - on_grid_of(teacher[layer], view)).square().mean()
        for layer, view in student.items()
    ]
    return torch.stack(losses).sum()


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
