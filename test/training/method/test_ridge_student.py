# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The closed-form student against a plain affine map of the generalist's features."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.method.generalist import Generalist  # noqa: E402
from training.method.ridge_student import RidgeStudent  # noqa: E402
from training.teachers.networks.resnet import ResNet  # noqa: E402


def test_layers_have_the_teachers_channels_and_are_linear_in_the_features() -> None:
    torch.manual_seed(0)
    generalist = Generalist(ResNet("resnet18", width=0.125), (4, 6))
    student = RidgeStudent(generalist, {"c4": 5, "c5": 7}).eval()
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        views, features = student(x), generalist(x)
    assert views["c4"].shape == (2, 5, 4, 6)
    assert views["c5"].shape == (2, 7, 4, 6)
    for layer, view in views.items():
        weight = student.maps[layer].weight[:, :, 0, 0].double()
        wanted = torch.einsum("cd,ndhw->nchw", weight, features.double())
        wanted = wanted + student.maps[layer].bias.double()[:, None, None]
        np.testing.assert_allclose(view.double(), wanted.detach(), rtol=1e-4, atol=1e-5)


def test_backbone_stays_frozen_in_training_mode_too() -> None:
    student = RidgeStudent(Generalist(ResNet("resnet18", width=0.125), (4, 6)), {"c4": 5})
    assert not any(p.requires_grad for p in student.generalist.parameters())
