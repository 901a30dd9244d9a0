# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.tracking.ground_speed import ground_velocity


def history(seconds, x, y) -> list[tuple[int, float, float]]:
    return [(round(t * 1e9), *xy) for t, *xy in zip(seconds, x, y, strict=True)]


def test_it_is_the_slope_that_polyfit_finds() -> None:
    random = np.random.default_rng(1)
    seconds = np.sort(random.uniform(0, 0.9, 9))
    x, y = 20 - 6 * seconds + random.normal(0, 0.3, 9), 1 + 0.5 * seconds
    expected = np.polyfit(seconds, x, 1)[0], np.polyfit(seconds, y, 1)[0]
    assert ground_velocity(history(seconds, x, y)) == pytest.approx(expected, abs=1e-6)


def test_what_was_longer_ago_than_a_second_does_not_count() -> None:
    seconds = np.arange(0, 4, 0.1)
    x = np.where(seconds < 2.5, 100.0, 30 - 5 * seconds)
    assert ground_velocity(history(seconds, x, 0 * x)) == pytest.approx((-5, 0), abs=1e-6)


def test_too_little_gives_none() -> None:
    assert ground_velocity([]) is None
    assert ground_velocity(history([0, 1], [0, 1], [0, 0])) is None
    assert ground_velocity(history([0, 0.05, 0.1], [0, 1, 2], [0, 0, 0])) is None


def test_stamps_of_this_century_lose_nothing() -> None:
    now = 1_790_000_000_000_000_000
    moving = [(now + i * 100_000_000, 2.0 * i, 0.0) for i in range(5)]
    assert ground_velocity(moving) == pytest.approx((20.0, 0.0), abs=1e-6)
