# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The filter that other methods get beside CosMe's, and the table over seeds."""

import filtered_baselines
import numpy as np
import pytest

GRID = (24, 32)


@pytest.fixture
def picture():
    """Dark on the left, bright on the right, 8 pixels a place."""
    image = np.zeros((8 * GRID[0], 8 * GRID[1], 3), np.uint8)
    image[:, image.shape[1] // 2 :] = 200
    return image


@pytest.fixture
def halo():
    """High on the right, but falling off only two places to the left of the edge."""
    score = np.zeros(GRID, np.float32)
    score[:, 16:] = 1
    score[:, 14:16] = 0.7
    return score


def test_a_score_follows_the_edge_of_the_picture(picture, halo):
    filtered = filtered_baselines.follow_edges(halo, picture, GRID, 4, 3e-5)
    assert filtered.shape == GRID
    assert filtered[:, 14:16].max() < 0.4
    assert filtered[:, 16:18].min() > 0.9


def test_scores_below_zero_are_filtered_as_those_above(picture, halo):
    above = filtered_baselines.follow_edges(halo + 10, picture, GRID, 4, 3e-5)
    below = filtered_baselines.follow_edges(halo - 10, picture, GRID, 4, 3e-5)
    np.testing.assert_allclose(above - 10, below + 10, atol=2e-4)


def test_a_coarse_map_comes_on_the_grid(picture):
    coarse = np.zeros((6, 8), np.float32)
    coarse[:, 4:] = -3.0
    filtered = filtered_baselines.follow_edges(coarse, picture, GRID, 4, 3e-5)
    assert filtered.shape == GRID
    np.testing.assert_allclose(filtered[:, :4], 0, atol=1e-3)
    np.testing.assert_allclose(filtered[:, -4:], -3, atol=1e-3)


def test_the_table_has_mean_and_deviation_over_the_runs():
    def run(ap, fpr95):
        figures = {"average_precision": ap, "fpr95": fpr95}
        return {
            "knn": {"all": figures, "small": None, "large": figures, "filtered": figures},
            "score": {"all": figures, "small": None, "large": figures},
        }

    lines = filtered_baselines.as_table([run(0.5, 0.3), run(0.7, 0.3)]).splitlines()
    assert lines[0] == "| | all | small | large | filtered |"
    cell = "60.0 ± 10.0 / 30.0 ± 0.0"
    assert lines[2:] == [
        f"| kNN density | {cell} | - | {cell} | {cell} |",
        f"| CosMe | {cell} | - | {cell} | - |",
    ]
