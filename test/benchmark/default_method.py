# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The default method on a teacher. Maps and banks are random: time does not depend on them."""

import torch
from closed_form import random_closed_form

from training.export.bundle_writer import FittedMethod
from training.fitting.settings import MemorySettings, RidgeSettings
from training.method.presets import DEFAULT, generalist_size
from training.method.ridge_student import RidgeStudent
from training.teachers.checkpoint import TeacherCheckpoint

_SIZE = ("height", "width")


def random_default(teacher: TeacherCheckpoint, size: tuple[int, int]) -> FittedMethod:
    """Return the default method as `fit` makes it beside `teacher`, for the input `size` (H, W)."""
    own_size = generalist_size(size)
    student = random_closed_form(
        teacher.network,
        RidgeSettings.backbone,
        size,
        own_size=own_size,
        backbone_layers=None,
        layers=DEFAULT.evaluation_layers,
        backward_layers=DEFAULT.backward_layers,
    )
    assert isinstance(student.network, RidgeStudent)
    generalist = student.network.generalist
    places = generalist.slices()
    generator = torch.Generator().manual_seed(0)
    banks = {}
    for layer in DEFAULT.memory_layers:
        place = places.get(layer)
        count = teacher.network.channels[layer] if place is None else place.stop - place.start
        bank = torch.randn(DEFAULT.prototypes, count, generator=generator)
        banks[layer] = torch.nn.functional.normalize(bank, dim=1)
    return FittedMethod(
        teacher=teacher,
        student=student,
        student_description={
            "fitted": "ridge",
            "architecture": RidgeSettings.backbone,
            "supervised_layers": list(DEFAULT.evaluation_layers),
            "channels": generalist.layer_channels,
            **({} if own_size is None else {"input_size": dict(zip(_SIZE, own_size, strict=True))}),
        },
        banks=banks,
        evaluation_layers=DEFAULT.evaluation_layers,
        statistics=None,
        size=size,
        pooled=DEFAULT.pooled,
        memory_grid=MemorySettings(stride=DEFAULT.memory_stride).grid(size),
        layer_powers=DEFAULT.layer_powers,
        smoothing=DEFAULT.smoothing,
        guided=DEFAULT.guided,
        auxcon_power=DEFAULT.auxcon_power,
        backward_power=DEFAULT.backward_power,
    )
