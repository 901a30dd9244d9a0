# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from training.baselines.standardised_max_logit import (
    BOUNDARY_GROWTHS,
    StandardisedMaxLogit,
    smooth,
    suppress_boundaries,
)
from training.method.standardisation import SHRINKAGE_PIXELS

# Sums of some tens of float32 in another order.
FLOAT32 = 1e-5


def frame(seed, *, classes=3, size=(12, 16)):
    """Logits at half of the input's size; class 0 on the left half, class 1 on the right."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, classes, size[0] // 2, size[1] // 2, generator=generator)
    half = size[1] // 4
    logits[:, 0, :, :half] += 20
    logits[:, 1, :, half:] += 40
    return {"o": logits, "input": torch.zeros(1, 3, *size)}


def neighbours(y, x, height, width):
    rows, columns = range(max(0, y - 1), y + 2), range(max(0, x - 1), x + 2)
    return [(a, b) for a in rows for b in columns if a < height and b < width]


def slow_suppression(score, ids):
    """The definition, pixel by pixel."""
    height, width = ids.shape
    places = list(np.ndindex(height, width))
    boundary = [p for p in places if len({ids[q] for q in neighbours(*p, height, width)}) > 1]
    for growth in BOUNDARY_GROWTHS:
        region = {
            (y, x) for y, x in places if any(abs(y - a) + abs(x - b) <= growth for a, b in boundary)
        }
        before = score.copy()
        for p in region:
            inside = [before[q] for q in neighbours(*p, height, width) if q not in region]
            if inside:
                score[p] = np.mean(inside)
    return score


def slow_smoothing(score):
    height, width = score.shape
    result = np.zeros_like(score)
    weights = {(a, b): np.exp(-(a * a + b * b) / 2) for a in range(-3, 4) for b in range(-3, 4)}
    for y, x in np.ndindex(height, width):
        for (a, b), weight in weights.items():
            row, column = np.clip(y + 6 * a, 0, height - 1), np.clip(x + 6 * b, 0, width - 1)
            result[y, x] += weight * score[row, column]
    return result / sum(weights.values())


@pytest.mark.parametrize("seed", range(4))
def test_boundary_suppression_against_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    ids = np.kron(rng.integers(0, 3, (3, 3)), np.ones((7, 9), int))
    score = rng.normal(size=ids.shape)
    ours = suppress_boundaries(
        torch.tensor(score, dtype=torch.float32)[None, None], torch.tensor(ids)[None]
    )
    np.testing.assert_allclose(ours[0, 0], slow_suppression(score, ids), atol=FLOAT32)


def test_without_a_boundary_nothing_changes():
    score = torch.randn(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(suppress_boundaries(score, torch.ones(1, 9, 9, dtype=torch.int64)), score)


def test_high_scores_on_a_straight_boundary_go_away():
    ids = torch.zeros(1, 20, 40, dtype=torch.int64)
    ids[..., 20:] = 1
    score = torch.zeros(1, 1, 20, 40)
    score[..., 19:21] = 5.0
    assert suppress_boundaries(score, ids).max() == 0


def test_smoothing_against_a_slow_loop():
    score = np.random.default_rng(0).normal(size=(11, 45))
    ours = smooth(torch.tensor(score, dtype=torch.float32)[None, None])
    np.testing.assert_allclose(ours[0, 0], slow_smoothing(score), atol=FLOAT32)


def test_scores_are_standardised_by_the_predicted_class():
    size = (120, 160)
    method = StandardisedMaxLogit(3)
    frames = [frame(seed, size=size) for seed in range(4)]
    for features in frames:
        method.update(features)
    method.compute()
    values = {0: [], 1: [], 2: []}
    for features in frames:
        logits = torch.nn.functional.interpolate(features["o"], size, mode="bilinear")
        value, ids = logits[0].double().max(dim=0)
        for k in values:
            values[k].append(value[ids == k].numpy())
    pooled = {k: np.concatenate(v) for k, v in values.items()}
    everything = np.concatenate(list(pooled.values()))
    moments = {}
    for k, own in pooled.items():
        weight = own.size / (own.size + SHRINKAGE_PIXELS)
        mean = weight * own.sum() / max(own.size, 1) + (1 - weight) * everything.mean()
        square = weight * (own**2).sum() / max(own.size, 1) + (1 - weight) * (everything**2).mean()
        moments[k] = (mean, np.sqrt(square - mean**2))
    test = frame(9, size=size)
    logits = torch.nn.functional.interpolate(test["o"], size, mode="bilinear")
    value, ids = logits[0].double().max(dim=0)
    raw = np.zeros(size)
    for y, x in np.ndindex(size):
        mean, deviation = moments[int(ids[y, x])]
        raw[y, x] = -(float(value[y, x]) - mean) / deviation
    wanted = suppress_boundaries(torch.tensor(raw, dtype=torch.float32)[None, None], ids[None])
    # Mean and deviation are float32 and differences of larger numbers.
    torch.testing.assert_close(method.score(test), smooth(wanted), atol=1e-3, rtol=1e-3)
