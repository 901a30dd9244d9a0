# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The closed forms of the two-way consensus against scikit-learn and plain float64 loops."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.linear_model import Ridge  # noqa: E402

from training.method.consensus import SecondMoments, backward_score  # noqa: E402

D, C = 6, 4


def random_frames(frames: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    b = torch.randn(frames, D, 4, 5, generator=generator) * 2 + 30
    y = torch.randn(frames, C, 4, 5, generator=generator) + b[:, :C]
    y[:, 1] *= 50  # channels of unlike strength: inputs are standardised
    return b, y


def rows(maps: torch.Tensor) -> np.ndarray:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).double().numpy()


def moments_of(b: torch.Tensor, y: torch.Tensor) -> SecondMoments:
    moments = SecondMoments(D, {"c4": C})
    for frame in range(len(b)):
        moments.add(b[frame : frame + 1], {"c4": y[frame : frame + 1]})
    return moments


@pytest.mark.parametrize("penalty", [1e-6, 0.3])
def test_forward_map_is_scikit_learns(penalty: float) -> None:
    b, y = random_frames()
    weight, bias = moments_of(b, y).forward_map("c4", penalty)
    # scikit-learn's penalty is on the sum over samples, not on the mean.
    alpha = penalty * rows(b).var(axis=0).mean() * len(rows(b))
    reference = Ridge(alpha=alpha).fit(rows(b), rows(y))
    # Results are float32; weights and bias go up to some thousand.
    np.testing.assert_allclose(weight.numpy(), reference.coef_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bias.numpy(), reference.intercept_, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("penalty", "floor"), [(1e-3, 0.1), (0.5, 0.01)])
def test_backward_score_is_the_whitened_residual(penalty: float, floor: float) -> None:
    b, y = random_frames()
    fitted = moments_of(b, y).backward_map("c4", penalty, floor)
    inputs, targets = rows(y), rows(b)
    scaled = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    regression = Ridge(alpha=penalty * len(scaled)).fit(scaled, targets)
    rest = targets - regression.predict(scaled)
    values, vectors = np.linalg.eigh(np.cov(rest.T, bias=True))
    found = torch.cat([backward_score(b[i : i + 1], y[i : i + 1], fitted) for i in range(len(b))])
    for place, residual in enumerate(rest):
        wanted = 0.0
        for value, vector in zip(values, vectors.T, strict=True):
            along = sum(float(v) * float(r) for v, r in zip(vector, residual, strict=True))
            wanted += along**2 / (value + floor * values.mean())
        assert float(rows(found)[place, 0]) == pytest.approx(wanted / D, rel=1e-3)


def test_generalist_alone_is_the_mahalanobis_distance() -> None:
    b, y = random_frames()
    fitted = moments_of(b, y).backward_map(None, floor=1e-9)
    found = torch.cat([backward_score(b[i : i + 1], None, fitted) for i in range(len(b))])
    deviation = rows(b) - rows(b).mean(axis=0)
    inverse = np.linalg.inv(np.cov(rows(b).T, bias=True))
    wanted = np.einsum("ni,ij,nj->n", deviation, inverse, deviation) / D
    np.testing.assert_allclose(rows(found)[:, 0], wanted, rtol=1e-3)
    # A channel of it is 1 on average over the positions that it was fitted to.
    assert float(found.mean()) == pytest.approx(1.0, rel=1e-4)


def test_what_follows_from_the_teacher_scores_low_and_what_does_not_scores_high() -> None:
    b, y = random_frames(20)
    fitted = moments_of(b, y).backward_map("c4")
    odd = b[:1].clone()
    odd[:, :C, 1, 2] += 20  # the generalist sees what the teacher has no word for
    score = backward_score(odd, y[:1], fitted)[0, 0]
    assert score.argmax() == 1 * 5 + 2
    assert float(score[1, 2]) > 10 * float(score.median())


def test_a_dead_channel_of_the_teacher_changes_nothing() -> None:
    b, y = random_frames()
    dead = y.clone()
    dead[:, 3] = 7.0
    scores = []
    for layer in (y[:, :3], dead):
        moments = SecondMoments(D, {"c4": layer.shape[1]})
        moments.add(b, {"c4": layer})
        scores.append(backward_score(b[:1], layer[:1], moments.backward_map("c4")))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3)


def test_nothing_to_fit_to_is_said() -> None:
    with pytest.raises(ValueError, match="no positions"):
        SecondMoments(2, {"c4": 2}).backward_map("c4")
    with pytest.raises(ValueError, match="no positions"):
        SecondMoments(2, {"c4": 2}).forward_map("c4", 0.1)


def test_moments_are_of_the_places_that_count() -> None:
    torch.manual_seed(3)
    b, y = torch.randn(2, D, 3, 4), torch.randn(2, C, 3, 4)
    places = torch.rand(2, 3, 4) < 0.5
    masked = SecondMoments(D, {"c4": C})
    masked.add(b, {"c4": y}, places)
    # One picture of a single row, of nothing but these places.
    alone = SecondMoments(D, {"c4": C})
    rows = (x.permute(0, 2, 3, 1)[places].T[None, :, None] for x in (b, y))
    alone.add(next(rows), {"c4": next(rows)})
    torch.testing.assert_close(masked.sums, alone.sums)
    assert masked.sums[-1, -1] == places.sum()
