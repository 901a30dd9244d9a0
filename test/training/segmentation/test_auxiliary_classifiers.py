# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest

torch = pytest.importorskip("torch")

from training.segmentation.auxiliary_classifiers import AuxiliaryClassifiers, auxiliary_loss  # noqa: E402


def test_loss_is_the_sum_of_each_layers_cross_entropy_at_its_stride() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    auxiliary = AuxiliaryClassifiers({"c4": 6, "c5": 7, "lh": 3}, classes=4)
    features = {
        "c4": torch.randn(2, 6, 2, 3, generator=generator),
        "c5": torch.randn(2, 7, 2, 3, generator=generator),
    }
    labels = torch.randint(4, (2, 32, 48), generator=generator)
    labels[0, 8, 8] = 255
    wanted = 0.0
    for layer, classifier in auxiliary.by_layer.items():
        log_chances = classifier(features[layer]).log_softmax(1).detach().double()
        losses = [
            -float(log_chances[n, labels[n, 8 + 16 * i, 8 + 16 * j], i, j])
            for n in range(2)
            for i in range(2)
            for j in range(3)
            if labels[n, 8 + 16 * i, 8 + 16 * j] != 255
        ]
        assert len(losses) == 11
        wanted += sum(losses) / len(losses)
    loss = auxiliary_loss(auxiliary(features), labels, None)
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
