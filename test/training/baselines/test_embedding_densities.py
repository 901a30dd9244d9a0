# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from training.baselines.gaussian_density import RIDGE, GaussianDensity
from training.baselines.minimum_density import MinimumDensity
from training.baselines.nearest_neighbours import NearestNeighbours
from training.errors import UsageError

CHANNELS, CLASSES, SIZE = 6, 3, (8, 10)
MEANS = 3 * np.random.default_rng(7).normal(size=(CLASSES, CHANNELS))
MIXING = np.random.default_rng(8).normal(size=(CHANNELS, CHANNELS))


def frame(seed):
    """Correlated features around the mean of a class that depends on the row."""
    rng = np.random.default_rng(seed)
    class_id = np.broadcast_to(np.arange(SIZE[0])[:, None] % CLASSES, SIZE)
    vectors = MEANS[class_id] + rng.normal(size=(*SIZE, CHANNELS)) @ MIXING
    features = torch.tensor(vectors, dtype=torch.float32).permute(2, 0, 1)[None]
    logits = torch.nn.functional.one_hot(torch.tensor(class_id), CLASSES).permute(2, 0, 1)[None]
    return {"lh": features, "o": logits.float()}


def rows(feature_map):
    return feature_map[0].permute(1, 2, 0).reshape(-1, CHANNELS).double().numpy()


def learned(method, frames):
    for features in frames:
        method.update(features)
    method.compute()
    return method


def test_gaussian_against_scikit_learn():
    frames = [frame(seed) for seed in range(20)]
    method = learned(GaussianDensity("lh", CLASSES), frames)
    vectors = np.concatenate([rows(f["lh"]) for f in frames])
    ids = np.concatenate([f["o"].argmax(1).flatten().numpy() for f in frames])
    means = np.stack([vectors[ids == c].mean(axis=0) for c in range(CLASSES)])
    around = EmpiricalCovariance(assume_centered=True).fit(vectors - means[ids]).covariance_
    around += RIDGE * np.trace(around) / CHANNELS * np.eye(CHANNELS)
    precision = np.linalg.inv(around)
    test = frame(99)
    distances = [
        np.einsum("nc,cd,nd->n", rows(test["lh"]) - mean, precision, rows(test["lh"]) - mean)
        for mean in means
    ]
    score = method.score(test)
    assert score.shape == (1, 1, *SIZE)
    # Whitened in float32.
    np.testing.assert_allclose(score.flatten(), np.min(distances, axis=0), rtol=1e-3)


def test_gaussian_has_no_class_that_is_hardly_ever_predicted():
    # Class 2 at ten places of one frame only, far below what a mean of its own takes.
    frames = [frame(seed) for seed in range(20)]
    for number, features in enumerate(frames):
        third = features["o"][:, 2].clone()
        features["o"][:, 2] = 0
        features["o"][:, 0] += third
        if number == 0:
            features["o"][:, 2, 2] = 2
    method = learned(GaussianDensity("lh", CLASSES), frames)
    rare = torch.tensor(rows(frames[0]["lh"]).reshape(*SIZE, -1)[2].mean(axis=0))
    assert method.score({"lh": rare.float()[None, :, None, None]}).item() > 0.1


def test_gaussian_reads_classes_of_another_stride():
    frames = [frame(seed) for seed in range(20)]
    fine = [
        {**f, "o": torch.nn.functional.interpolate(f["o"], scale_factor=2, mode="nearest")}
        for f in frames
    ]
    test = frame(99)
    torch.testing.assert_close(
        learned(GaussianDensity("lh", CLASSES), fine).score(test),
        learned(GaussianDensity("lh", CLASSES), frames).score(test),
    )


def deeper(features):
    """The same frame with a layer of half the size and other channels."""
    pooled = torch.nn.functional.avg_pool2d(features["lh"], 2)[:, :4].square()
    return {**features, "c5": pooled}


def slow_nll(frames, layer, test):
    """Normalised negative log-likelihood at each place of `test`, in float64, row by row."""
    size = test[layer].shape[2:]

    def places(features):
        logits = torch.nn.functional.interpolate(features["o"], size, mode="bilinear")
        ids = logits.argmax(1).flatten().tolist()
        return features[layer][0].permute(1, 2, 0).flatten(0, 1).double().numpy(), ids

    seen = [(f, c) for features in frames for f, c in zip(*places(features), strict=True)]
    means = {k: np.mean([f for f, c in seen if c == k], axis=0) for k in {c for _, c in seen}}
    covariance = sum(np.outer(f - means[c], f - means[c]) for f, c in seen) / len(seen)
    channels = len(covariance)
    covariance = covariance + RIDGE * np.trace(covariance) / channels * np.eye(channels)
    inverse, log_det = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]

    def nll(f):
        nearest = min((f - m) @ inverse @ (f - m) for m in means.values())
        return 0.5 * (nearest + log_det + channels * np.log(2 * np.pi))

    return [nll(f) - np.mean([nll(g) for g, _ in seen]) for f in places(test)[0]]


def test_minimum_density_against_a_slow_statement(monkeypatch):
    monkeypatch.setattr("training.baselines.minimum_density.PLACES_A_FRAME", SIZE[0] * SIZE[1])
    # So many that each class has a mean in the coarse layer too.
    frames = [deeper(frame(seed)) for seed in range(24)]
    test = deeper(frame(99))
    coarse = torch.tensor(slow_nll(frames, "c5", test)).view(1, 1, SIZE[0] // 2, SIZE[1] // 2)
    wanted = torch.minimum(
        torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear").flatten(),
        torch.tensor(slow_nll(frames, "lh", test)),
    )
    score = learned(MinimumDensity(("c5", "lh"), CLASSES), frames).score(test)
    assert score.shape == (1, 1, *SIZE)
    # Whitened in float32.
    np.testing.assert_allclose(score.flatten(), wanted, rtol=1e-3, atol=1e-3)


def test_minimum_density_takes_for_normal_what_one_layer_does():
    frames = [deeper(frame(seed)) for seed in range(16)]
    method = learned(MinimumDensity(("c5", "lh"), CLASSES), frames)
    strange = frames[0]["lh"].clone()
    strange[..., 2:4, 2:4] = 50.0
    assert method.score({**frames[0], "lh": strange}).max() < 50
    both = deeper({**frames[0], "lh": strange})
    assert method.score(both)[0, 0, 2:4, 2:4].min() > 50


def test_a_small_sample_gives_nearly_the_same_normalisation():
    frames = [deeper(frame(seed)) for seed in range(16)]
    # The mean of a score that is 0 on the mean normal place, but for the minimum of one layer.
    method = learned(MinimumDensity(("lh",), CLASSES), frames)
    mean = torch.cat([method.score(features) for features in frames]).mean()
    assert abs(float(mean)) < 0.3  # of about 2.5, half the mean squared distance


def test_neighbours_against_scikit_learn():
    frames = [frame(seed) for seed in range(3)]
    # Frames have 80 places, fewer than are drawn of each: the bank holds all of them.
    method = learned(NearestNeighbours("lh", neighbours=4), frames)
    search = NearestNeighbors(n_neighbors=4, metric="cosine", algorithm="brute")
    search.fit(np.concatenate([rows(f["lh"]) for f in frames]))
    test = frame(99)
    wanted = search.kneighbors(rows(test["lh"]))[0][:, -1]
    score = method.score(test)
    assert score.shape == (1, 1, *SIZE)
    # 1 - cosine in float32.
    np.testing.assert_allclose(score.flatten(), wanted, atol=1e-6)


def test_bank_is_a_sample_that_the_seed_decides():
    frames = [frame(seed) for seed in range(3)]
    settings = {"neighbours": 1, "bank_size": 20}
    scores = [
        learned(NearestNeighbours("lh", seed=seed, **settings), frames).score(frame(99))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])


def test_too_few_normal_frames_are_refused():
    with pytest.raises(UsageError, match="give more"):
        learned(NearestNeighbours("lh", neighbours=81), [frame(0)])
    with pytest.raises(UsageError, match="give more"):
        learned(GaussianDensity("lh", CLASSES), [frame(0)])
    with pytest.raises(UsageError, match="give more"):
        learned(GaussianDensity("lh", CLASSES), [])
    with pytest.raises(UsageError, match="give more"):
        learned(MinimumDensity(("lh",), CLASSES), [])
