# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from torch import nn

from training.baselines.monte_carlo_dropout import MonteCarloDropout, dropout_layers
from training.teachers.factory import build_teacher


class Dropping(nn.Module):
    """Logits of a pixel: two channels, each of which dropout may leave out."""

    def __init__(self, rate):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(rate)
        self.idle = nn.Dropout(0.0)
        self.passes = []

    def forward(self, x):
        logits = self.dropout(self.norm(x))[:, :2]
        self.passes.append(logits)
        return {"o": logits}


def features_of(network, x):
    return {"input": x, "o": network(x)["o"]}


@pytest.fixture
def picture():
    return torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def test_mutual_information_of_the_passes(picture):
    network = Dropping(0.5).eval()
    features = features_of(network, picture)
    network.passes.clear()
    score = MonteCarloDropout(network, samples=16).score(features)
    assert score.shape == (1, 1, 4, 5)
    assert len(network.passes) == 16
    passes = torch.stack(network.passes).double().softmax(dim=2).numpy()[:, 0]

    def entropy(p):
        return -(p * np.log(p)).sum()

    for y, x in np.ndindex(4, 5):
        answers = passes[:, :, y, x]
        wanted = entropy(answers.mean(axis=0)) - np.mean([entropy(p) for p in answers])
        # A small difference of float32 entropies around 0.7.
        assert score[0, 0, y, x].item() == pytest.approx(wanted, abs=1e-6)
    assert score.max() > 0.01


def test_only_dropout_is_active_and_all_is_as_before_afterwards(picture):
    network = Dropping(0.5).eval()
    features = features_of(network, picture)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    method = MonteCarloDropout(network)
    state = torch.get_rng_state()
    first = method.score(features)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(method.score(features), first)
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


def test_another_seed_leaves_out_other_parts(picture):
    network = Dropping(0.5).eval()
    features = features_of(network, picture)
    scores = [MonteCarloDropout(network, seed=seed).score(features) for seed in (0, 1)]
    assert not torch.equal(*scores)


def test_dropout_layers_of_networks():
    assert dropout_layers(Dropping(0.5)) == ["dropout"]
    assert dropout_layers(Dropping(0.0)) == []
    teacher = build_teacher("deeplabv3plus_resnet18", 3, width=0.0625)
    assert dropout_layers(teacher) == ["aspp.dropout"]
