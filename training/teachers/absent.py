# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""In place of a teacher, where there is none: the generalist is then all that a bundle knows."""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)

from training.layers import LAST_HIDDEN, OUTPUT
from training.teachers.interface import Teacher

STRIDE = 4
"""Of the grid that scores come on, as that of a teacher's decoder."""

CLASSES = 2
"""A logit for anything at all, and one that never wins: the graphs' contract has class ids."""


class AbsentTeacher(Teacher):
    """Says of every place that it is the first class, and nothing else.

    Layer `lh` is the picture itself at stride 4: it gives the grid of the scores and is not
    remembered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = (0.5,) * 3
        self.standard_deviation = (0.5,) * 3
        self.channels = {LAST_HIDDEN: 3, OUTPUT: CLASSES}
        self.strides = {LAST_HIDDEN: STRIDE, OUTPUT: STRIDE}
        self.settings = {}

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return `lh` and `o` of normalised images float32 [N, 3, H, W]."""
        hidden = F.avg_pool2d(x, STRIDE)
        first = torch.ones_like(hidden[:, :1])
        return {LAST_HIDDEN: hidden, OUTPUT: torch.cat([first, -first], dim=1)}
