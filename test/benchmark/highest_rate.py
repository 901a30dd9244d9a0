# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The highest rate that a node keeps up with, found by bisection."""

from collections.abc import Callable

MOST_LOSS = 0.01
"""Share of the frames that may be missing at a rate that counts as kept."""

_MOST_DOUBLINGS = 8


def highest_rate(
    loss_at: Callable[[float], float], guess: float, *, resolution: float
) -> float | None:
    """The highest rate whose loss is at most MOST_LOSS, to a factor of 1 + `resolution`.

    `loss_at` plays at a rate, in frames a second, and gives the share of frames lost, 0..1. `guess`
    is where to begin. None when the loss is too high at every rate down to guess / 256.
    """
    kept, lost = None, None
    rate = guess
    for _ in range(_MOST_DOUBLINGS):
        if loss_at(rate) <= MOST_LOSS:
            kept, rate = rate, rate * 2
        else:
            lost, rate = rate, rate / 2
        if kept is not None and lost is not None:
            break
    if kept is None or lost is None:
        return kept
    while lost / kept > 1 + resolution:
        middle = (kept * lost) ** 0.5
        if loss_at(middle) <= MOST_LOSS:
            kept = middle
        else:
            lost = middle
    return kept
