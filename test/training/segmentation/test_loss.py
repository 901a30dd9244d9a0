# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from training.segmentation.loss import class_weights, segmentation_loss


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_against_a_slow_loop(weighted):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 5), generator=generator)
    labels[0, 0] = 255
    weights = torch.tensor([1.0, 2.0, 0.5]) if weighted else None
    total = share = 0.0
    for n, y, x in np.ndindex(2, 4, 5):
        label = int(labels[n, y, x])
        if label != 255:
            z = logits[n, :, y, x].double().numpy()
            weight = float(weights[label]) if weighted else 1.0
            total += weight * (np.log(np.exp(z).sum()) - z[label])
            share += weight
    loss = segmentation_loss(logits, labels, weights)
    # Forty float32 logarithms are summed.
    assert loss.item() == pytest.approx(total / share, rel=1e-5)


def test_loss_without_a_judged_pixel_is_zero():
    assert segmentation_loss(torch.randn(1, 2, 4, 4), torch.full((1, 8, 8), 255)).item() == 0


def test_class_weights_are_those_of_enet(halves):
    counts = np.zeros(2)
    for image_label in halves:
        counts += np.bincount(image_label[1].reshape(-1), minlength=256)[:2]
    wanted = 1 / np.log(1.02 + counts / counts.sum())
    np.testing.assert_allclose(class_weights(halves, 2), wanted / wanted.mean(), rtol=1e-6)
