# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.evaluation.identity_metrics import IdentityCounter, IdentityCounts


def counted(*frames: dict[int, dict[int, float]]) -> IdentityCounts:
    counter = IdentityCounter()
    for shares in frames:
        counter.add(shares)
    return counter.counts


def test_a_kept_track_is_no_switch_although_another_covers_more() -> None:
    assert counted({1: {7: 0.9}}, {1: {7: 0.2, 8: 0.8}}, {1: {7: 1.0}}) == IdentityCounts(1, 0, 0)


def test_another_track_is_a_switch_also_after_frames_without_one() -> None:
    assert counted({1: {7: 0.9}}, {1: {8: 0.9}}) == IdentityCounts(1, 1, 0)
    assert counted({1: {7: 0.9}}, {1: {}}, {}, {1: {8: 0.9}}) == IdentityCounts(1, 1, 1)


def test_before_the_first_track_and_after_the_last_nothing_is_fragmented() -> None:
    assert counted({1: {}}, {1: {7: 0.5}}, {1: {}}) == IdentityCounts(1, 0, 0)
    assert counted({1: {}}) == IdentityCounts(0, 0, 0)


def test_a_track_is_of_one_obstacle_at_a_time() -> None:
    counter = IdentityCounter()
    assert counter.add({1: {7: 0.4}, 2: {7: 0.9}}) == {2: 7}
    assert counter.add({1: {7: 0.9, 8: 0.2}, 2: {7: 0.2}}) == {1: 8, 2: 7}


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_motmetrics(seed: int) -> None:
    """Two to four obstacles and tracks for 60 frames, of which any may be missing."""
    motmetrics = pytest.importorskip("motmetrics")
    random = np.random.default_rng(seed)
    counter, reference = IdentityCounter(), motmetrics.MOTAccumulator(auto_id=True)
    for _ in range(60):
        shares: dict[int, dict[int, float]] = {}
        obstacles = [o for o in range(1, 5) if random.random() < 0.8]
        tracks = [t for t in range(11, 15) if random.random() < 0.8]
        distances = np.full((len(obstacles), len(tracks)), np.nan)
        for row, obstacle in enumerate(obstacles):
            shares[obstacle] = {}
            for column, track in enumerate(tracks):
                if random.random() < 0.4:
                    share = float(random.uniform(0.1, 1.0))
                    shares[obstacle][track] = share
                    distances[row, column] = 1 - share
        counter.add(shares)
        reference.update(obstacles, tracks, distances)
    names = ["num_switches", "num_fragmentations"]
    expected = motmetrics.metrics.create().compute(reference, metrics=names)
    found = counter.counts
    assert found.obstacles == 4 and found.switches > 5 and found.fragmentations > 5
    assert found.switches == expected["num_switches"].iloc[0]
    assert found.fragmentations == expected["num_fragmentations"].iloc[0]
