import numpy as np
import pytest
import torch

from training.baselines import maximum_logit_score, maximum_softmax_score


@pytest.fixture
def logits():
    return 4 * torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))


def test_maximum_softmax_against_a_slow_loop(logits):
    score = maximum_softmax_score(logits)
    assert score.shape == (2, 1, 3, 4)
    for n, y, x in np.ndindex(2, 3, 4):
        powers = np.exp(logits[n, :, y, x].double().numpy())
        wanted = 1 - powers.max() / powers.sum()
        # Softmax in float32: some units in the last place.
        assert score[n, 0, y, x].item() == pytest.approx(wanted, rel=1e-5)


def test_maximum_softmax_tells_sure_pixels_apart():
    score = maximum_softmax_score(torch.tensor([[30.0, 0.0], [40.0, 0.0]])[:, :, None, None])
    assert 0 < score[1, 0, 0, 0] < score[0, 0, 0, 0] < 1e-12


def test_maximum_logit_against_a_slow_loop(logits):
    score = maximum_logit_score(logits)
    assert score.shape == (2, 1, 3, 4)
    for n, y, x in np.ndindex(2, 3, 4):
        assert score[n, 0, y, x] == -max(logits[n, :, y, x].tolist())
