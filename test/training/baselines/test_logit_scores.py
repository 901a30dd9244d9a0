# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from training.baselines.logit_scores import (
    energy_score,
    entropy_score,
    maximum_logit_score,
    maximum_softmax_score,
)

# Softmax in float32: some units in the last place.
FLOAT32 = 1e-5


@pytest.fixture
def logits():
    return 4 * torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))


def softmax_of(values):
    powers = [np.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize(
    ("function", "slow"),
    [
        (maximum_softmax_score, lambda v: 1 - max(softmax_of(v))),
        (entropy_score, lambda v: -sum(p * np.log(p) for p in softmax_of(v))),
        (maximum_logit_score, lambda v: -max(v)),
        (energy_score, lambda v: -np.log(sum(np.exp(value) for value in v))),
    ],
)
def test_against_a_slow_loop(function, slow, logits):
    score = function(logits)
    assert score.shape == (2, 1, 3, 4)
    for n, y, x in np.ndindex(2, 3, 4):
        wanted = slow(logits[n, :, y, x].double().tolist())
        assert score[n, 0, y, x].item() == pytest.approx(wanted, rel=FLOAT32)


@pytest.mark.parametrize("function", [maximum_softmax_score, entropy_score])
def test_sure_pixels_are_told_apart(function):
    score = function(torch.tensor([[30.0, 0.0], [40.0, 0.0]])[:, :, None, None])
    assert 0 < score[1, 0, 0, 0] < score[0, 0, 0, 0] < 1e-11


@pytest.mark.parametrize("function", [energy_score, entropy_score])
def test_large_logits_stay_finite(function):
    assert function(torch.full((1, 3, 1, 1), 1000.0)).isfinite().all()
