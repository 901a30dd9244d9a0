# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pyramid pooling against loops written from the paper."""

import math

import pytest

torch = pytest.importorskip("torch")

from training.teachers.factory import build_teacher  # noqa: E402
from training.teachers.networks.pspnet import BINS, pool_to  # noqa: E402


@pytest.mark.parametrize("size", [(12, 18), (7, 11), (5, 6)])
@pytest.mark.parametrize("cells", [1, 2, 3, 6])
def test_cells_are_means_of_their_parts(cells: int, size: tuple[int, int]) -> None:
    height, width = size
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    pooled = pool_to(x, cells)
    assert pooled.shape == (2, 3, cells, cells)
    for i in range(cells):
        for j in range(cells):
            rows = range(math.floor(i * height / cells), math.ceil((i + 1) * height / cells))
            columns = range(math.floor(j * width / cells), math.ceil((j + 1) * width / cells))
            part = [float(x[1, 2, r, c]) for r in rows for c in columns]
            # float32 sums of at most some hundred numbers around 1.
            assert float(pooled[1, 2, i, j]) == pytest.approx(sum(part) / len(part), abs=1e-5)


def test_bins_are_the_papers_and_pooling_is_torchs_adaptive_one() -> None:
    assert BINS == (1, 2, 3, 6)
    x = torch.randn(1, 4, 17, 31, generator=torch.Generator().manual_seed(1))
    for cells in BINS:
        torch.testing.assert_close(
            pool_to(x, cells), torch.nn.functional.adaptive_avg_pool2d(x, cells)
        )


def test_last_convolution_reads_lh() -> None:
    torch.manual_seed(0)
    network = build_teacher("pspnet_resnet18", 5, width=0.25).eval()
    features = network(torch.randn(1, 3, 64, 96))
    torch.testing.assert_close(
        torch.nn.functional.conv2d(
            features["lh"], network.classifier.weight, network.classifier.bias
        ),
        features["o"],
    )
    assert network.classifier.kernel_size == (1, 1)


def test_head_reads_the_whole_picture() -> None:
    """A far corner changes `lh` everywhere: the level of one cell is the image's mean."""
    torch.manual_seed(0)
    network = build_teacher("pspnet_resnet18", 5, width=0.25).eval()
    image = torch.zeros(1, 3, 256, 256)
    before = network(image)["lh"]
    image[..., -16:, -16:] = 50.0
    assert bool((network(image)["lh"] != before).any(dim=1).all())
