# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Medians, quartiles, percentiles and jitter, against numbers made by hand."""

import pytest
from spread import jitter, median_interval, percentiles, spread


def test_one_long_pause_does_not_move_median_or_quartiles():
    quiet = [10.0, 11.0, 12.0, 13.0, 14.0]
    disturbed = [10.0, 11.0, 12.0, 13.0, 9000.0]
    for values in (quiet, disturbed):
        assert spread(values) == {
            "median": 12,
            "q25": 11,
            "q75": 13,
            "runs": 5,
            "values": values,
        }


def test_a_single_run_has_no_width():
    alone = {"median": 3.5, "q25": 3.5, "q75": 3.5, "runs": 1, "values": [3.5]}
    assert spread([3.5]) == alone


def test_the_median_s_interval_is_by_order_whatever_the_values():
    """Of 9 the second and the second last: 1 - 2 * (1 + 9) / 2**9 = 96 %."""
    assert median_interval([9.0, 1.0, 2.0, 3.0, 5.0, 4.0, 6.0, 7.0, 8000.0]) == (2.0, 9.0)


@pytest.mark.parametrize("values", [[3.0], [4.0, 2.0, 3.0], [5.0, 1.0, 2.0, 3.0, 4.0]])
def test_few_values_leave_the_median_anywhere_between_them(values):
    assert median_interval(values) == (min(values), max(values))


def test_percentiles_of_a_hundred_and_one_numbers_are_those_numbers():
    assert percentiles(list(range(101))) == {"p50": 50, "p95": 95, "p99": 99}


@pytest.mark.parametrize("measure", [spread, percentiles])
def test_nothing_measured_is_refused(measure):
    with pytest.raises(ValueError, match="no value"):
        measure([])


def test_jitter_of_a_steady_stream_is_zero_at_any_rate():
    assert jitter([5.0, 5.25, 5.5, 5.75]) == 0


def test_jitter_is_the_mean_distance_from_the_mean_gap():
    # Gaps 10, 20, 30: mean 20, distances 10, 0, 10.
    assert jitter([0, 10, 30, 60]) == pytest.approx(20 / 3)


def test_two_arrivals_have_no_jitter():
    assert jitter([0.0, 1.0]) is None
