# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A closed-form student with random maps: time does not depend on what they hold."""

from collections.abc import Sequence

import torch

from training.method.consensus import BackwardMap
from training.method.generalist import Generalist
from training.method.graphs import FittedStudent
from training.method.ridge_student import RidgeStudent
from training.teachers.backbones import load_backbone
from training.teachers.interface import Teacher


def random_closed_form(
    teacher: Teacher,
    backbone: str,
    size: tuple[int, int],
    *,
    own_size: tuple[int, int] | None,
    backbone_layers: Sequence[str] | None,
    layers: Sequence[str],
    backward_layers: Sequence[str],
) -> FittedStudent:
    """Return a student on a packaged backbone, and the way back, beside a teacher.

    Args:
        teacher: gives channels, and the grid of c4.
        backbone: with weights from a package.
        size: (height, width) of the teacher's input in pixels.
        own_size: of the generalist's; None for the same.
        backbone_layers: of the generalist; None for all.
        layers: of the teacher, that are compared.
        backward_layers: of the teacher, that explain the generalist.
    """
    stride = teacher.strides["c4"]
    grid = (-(-size[0] // stride), -(-size[1] // stride))
    generalist = Generalist(load_backbone(backbone, None), grid, own_size, backbone_layers)
    student = RidgeStudent(generalist, {layer: teacher.channels[layer] for layer in layers})
    width = generalist.channels
    backward = {
        layer: BackwardMap(
            torch.randn(width, width),
            torch.randn(width, teacher.channels[layer]),
            torch.randn(width),
        )
        for layer in backward_layers
    }
    return FittedStudent(student.requires_grad_(False).eval(), backward)
