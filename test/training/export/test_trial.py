# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Networks that cannot become a bundle are refused before the fit."""

import pytest

torch = pytest.importorskip("torch")

from helpers import patch_former  # noqa: E402
from torch import nn  # noqa: E402

from training.export.bundle_writer import ParityError  # noqa: E402
from training.export.onnx_writer import ExportError  # noqa: E402
from training.export.trial import try_export  # noqa: E402
from training.teachers.any_module import IMAGENET, AnyModule, parse_layers  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402

SIZE = (64, 96)


class WithTail(nn.Module):
    """One convolution for every layer, and what a subclass adds."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Conv2d(3, 4, 3, 8, 1)
        self.logits = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        return self.logits(self.add(self.hidden(x)))


class Random(WithTail):
    def add(self, x):
        return x + torch.rand_like(x)


class Decomposed(WithTail):
    def add(self, x):
        return torch.linalg.svd(x)[0] @ x


def teacher(module, layers="lh=hidden,o=logits", classes=3):
    return AnyModule(
        module, parse_layers(layers), classes=classes, normalization=IMAGENET, sizes=(SIZE,)
    )


def test_a_good_network_passes_with_all_its_layers():
    network = teacher(patch_former.build(), patch_former.LAYERS, patch_former.CLASSES)
    errors = try_export(network, SIZE)
    assert set(errors) == {"c3", "c4", "c5", "lh", "class_id"}


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("pspnet_resnet18", {"output_stride": 8}),
        ("deeplabv3plus_resnet18", {"variant": "nvidia"}),
    ],
)
def test_own_networks_pass_at_sizes_that_nothing_divides(architecture, options):
    torch.manual_seed(0)
    network = build_teacher(architecture, 4, width=0.125, **options).eval()
    try_export(network, (75, 101))


def test_a_network_that_draws_lots_is_refused():
    with pytest.raises(ParityError, match="draws random numbers"):
        try_export(teacher(Random()), SIZE)


def test_what_onnx_has_not_is_named():
    with pytest.raises(ExportError, match=r"PyTorch cannot write teacher\.onnx.*svd"):
        try_export(teacher(Decomposed()), SIZE)
