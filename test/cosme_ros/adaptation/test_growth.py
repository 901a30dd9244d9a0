# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The rule of a mark is Algorithm 1's: the same candidates in the same order, the same picks."""

import numpy as np
import pytest

from cosme_ros.adaptation.growth import new_prototypes

torch = pytest.importorskip("torch")

from training.method.memory import initialise  # noqa: E402


def candidates(seed):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(12, 6))
    chosen = centres[random.integers(12, size=300)]
    return (chosen + random.normal(0, 0.3, (300, 6))).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.85, 0.95])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_picks_what_algorithm_1_picks(threshold, seed):
    features = candidates(seed)
    # Algorithm 1 draws with this generator; the rule gets the same candidates in the same order.
    drawn = torch.randint(300, (1024,), generator=torch.Generator().manual_seed(seed)).numpy()
    theirs = initialise(
        torch.from_numpy(features),
        size=1000,
        similarity_threshold=threshold,
        maximum_misses=1024,
        generator=torch.Generator().manual_seed(seed),
    )
    expected = theirs.prototypes.numpy()
    ours = new_prototypes(
        features[drawn], np.empty((0, 6), np.float32), similarity_threshold=threshold
    )
    assert len(ours) > 5
    unit = expected[: len(ours)] / np.linalg.norm(expected[: len(ours)], axis=1, keepdims=True)
    np.testing.assert_allclose(ours, unit, atol=1e-6)


def test_the_bank_counts_and_rows_are_unit_vectors():
    features = candidates(3)
    bank = new_prototypes(features[:150], np.empty((0, 6), np.float32), similarity_threshold=0.9)
    assert not len(new_prototypes(features[:150], bank, similarity_threshold=0.9))
    added = new_prototypes(features, bank, similarity_threshold=0.9)
    both = np.concatenate([bank, added]).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-6)
    similar = both @ both.T - np.eye(len(both))
    assert similar.max() < 0.9
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (unit @ both.T).max(axis=1).min() >= 0.9 - 1e-6  # every feature resembles one now


def test_a_feature_of_length_0_never_joins():
    features = np.zeros((3, 4), np.float32)
    added = new_prototypes(features, np.eye(4, dtype=np.float32)[:1], similarity_threshold=0.9)
    assert added.shape == (0, 4)
