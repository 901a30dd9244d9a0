# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The search for the highest rate, on nodes whose highest rate is known."""

import pytest
from highest_rate import MOST_LOSS, highest_rate

RESOLUTION = 0.03


class Node:
    """Handles `capacity` frames a second and loses the rest."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.rates = []

    def __call__(self, rate: float) -> float:
        self.rates.append(rate)
        return max(0.0, 1 - self.capacity / rate)


@pytest.mark.parametrize("guess", [0.3, 7.0, 9.99, 10.0, 25.0, 900.0])
def test_it_finds_what_the_node_keeps_wherever_it_begins(guess):
    node = Node(10.0)
    found = highest_rate(node, guess, resolution=RESOLUTION)
    # A loss of MOST_LOSS is allowed, so the true highest rate lies a little above the capacity.
    highest = 10.0 / (1 - MOST_LOSS)
    assert highest / (1 + RESOLUTION) <= found <= highest
    assert found in node.rates


def test_a_node_that_loses_at_every_rate_keeps_none():
    assert highest_rate(lambda _: 0.5, 8.0, resolution=RESOLUTION) is None


def test_a_node_that_never_loses_ends_the_search():
    node = Node(float("inf"))
    assert highest_rate(node, 1.0, resolution=RESOLUTION) == max(node.rates)


def test_a_good_guess_costs_few_runs():
    node = Node(10.0)
    highest_rate(node, 10.0, resolution=RESOLUTION)
    assert len(node.rates) <= 8
