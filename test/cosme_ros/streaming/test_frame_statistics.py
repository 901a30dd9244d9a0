# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest

from cosme_ros.streaming.frame_statistics import (
    UNEXPECTED,
    WINDOW,
    FrameStatistics,
    Processed,
    Progress,
    percentiles,
)
from cosme_ros.streaming.score_drift import ScoreSpread


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return FrameStatistics(clock)


def frame(
    latency=0.02, *, stamp_latency=0.05, drift_share=0.01, mask_withheld=False, unconfirmed=0
):
    return Processed(
        age_at_start=0.001,
        latency=latency,
        stamp_latency=stamp_latency,
        spread=ScoreSpread(drift_share, 0.2, 0.0),
        mask_withheld=mask_withheld,
        unconfirmed=unconfirmed,
    )


def test_counters_account_for_every_frame(statistics):
    for _ in range(9):
        statistics.receive()
    for _ in range(3):
        statistics.drop()
    for _ in range(2):
        statistics.miss()
    for _ in range(4):
        statistics.begin()
    statistics.fail("truncated data")
    statistics.fail("truncated data")
    statistics.fail("wrong step")
    statistics.process(frame(mask_withheld=True))
    s = statistics.snapshot()
    assert (s.received, s.dropped, s.processed, s.masks_withheld) == (9, 3, 1, 1)
    assert s.late == s.recent_late == 2
    assert s.failed == {"truncated data": 2, "wrong step": 1}
    assert s.received == s.processed + s.dropped + s.late + sum(s.failed.values())
    assert (s.waiting, s.under_way) == (0, 0)


def test_frames_are_pending_from_the_first_one_to_a_result(statistics, clock):
    assert statistics.snapshot().pending_age == 0.0
    statistics.receive()
    clock.now += 1.0
    statistics.begin()
    for _ in range(3):  # newer ones, of which each displaces the one before
        statistics.receive()
        clock.now += 1.0
        statistics.drop()
    statistics.receive()
    s = statistics.snapshot()
    assert (s.waiting, s.under_way, s.pending_age) == (1, 1, 4.0)
    statistics.fail("wrong step")
    clock.now += 0.25
    assert statistics.snapshot().pending_age == 0.25, "the next one waits since then"
    statistics.begin()
    statistics.process(frame())
    assert statistics.snapshot().pending_age == 0.0


@pytest.mark.parametrize("end", ["drop", "miss", "abandon", "fail", "process"])
def test_nothing_is_pending_after_the_last_frame_whatever_became_of_it(statistics, clock, end):
    statistics.receive()
    if end in ("abandon", "fail", "process"):
        statistics.begin()
    getattr(statistics, end)(*{"fail": ["wrong step"], "process": [frame()]}.get(end, []))
    clock.now += 5.0
    s = statistics.snapshot()
    assert (s.received, s.waiting, s.under_way, s.pending_age) == (1, 0, 0, 0.0)


def test_rates_are_over_the_window_and_over_less_at_the_start(statistics, clock):
    for _ in range(20):
        clock.now += 0.1
        statistics.receive()
        statistics.process(frame())
    assert statistics.snapshot().input_rate == pytest.approx(10.0)
    assert statistics.output_rate() == statistics.snapshot().output_rate == pytest.approx(10.0)
    for _ in range(500):
        clock.now += 0.05
        statistics.receive()
    s = statistics.snapshot()
    assert s.input_rate == pytest.approx(20.0, rel=0.01)
    assert s.output_rate == statistics.output_rate() == 0.0


def test_only_what_happened_of_late_is_recent(statistics, clock):
    statistics.receive()
    statistics.process(frame(latency=9.0, drift_share=1.0, mask_withheld=True))
    statistics.fail("wrong step")
    clock.now += WINDOW + 0.001
    statistics.process(frame(latency=0.030))
    s = statistics.snapshot()
    assert s.latency.p99 == pytest.approx(30.0)
    assert s.spread.rare == pytest.approx(0.01)
    assert (s.recent_processed, s.recent_failures, s.recent_masks_withheld) == (1, {}, 0)
    assert (s.processed, s.failed, s.masks_withheld) == (2, {"wrong step": 1}, 1)


def test_latencies_are_in_milliseconds_and_foreign_stamps_are_left_out(statistics):
    for index in range(101):
        statistics.process(
            frame(latency=index / 1000, stamp_latency=None if index % 2 else index / 100)
        )
    s = statistics.snapshot()
    assert (s.latency.p50, s.latency.p95, s.latency.p99) == pytest.approx((50, 95, 99))
    assert s.stamp_latency.p50 == pytest.approx(500)
    assert s.age_at_start.p99 == pytest.approx(1)


def test_gap_between_arrivals_is_of_late(statistics, clock):
    for gap in (WINDOW, 0.0, 0.030, 0.050, 0.040):
        clock.now += gap
        statistics.receive()
    clock.now += 1.0
    assert statistics.snapshot().arrival_gap.p50 == pytest.approx(35)


def test_there_is_nothing_to_take_percentiles_of_at_the_start(statistics, clock):
    clock.now += 3.0
    s = statistics.snapshot()
    assert s.latency is s.arrival_gap is s.age_at_start is s.stamp_latency is s.spread is None
    assert s.seconds_since_input == pytest.approx(3.0)
    assert percentiles([]) is None


def test_silence_is_counted_from_the_last_frame(statistics, clock):
    clock.now += 5.0
    statistics.receive()
    clock.now += 1.5
    assert statistics.snapshot().seconds_since_input == pytest.approx(1.5)


def test_obstacles_that_are_not_confirmed_are_those_of_the_newest_frame(statistics):
    for unconfirmed in (0, 3, 2):
        statistics.receive()
        statistics.begin()
        statistics.process(frame(unconfirmed=unconfirmed))
    s = statistics.snapshot()
    assert (s.unconfirmed, s.unconfirmed_frames) == (2, 2)


def test_progress_is_of_results(statistics, clock):
    def one(end):
        statistics.receive()
        statistics.begin()
        clock.now += 1.0
        end()

    one(lambda: statistics.process(frame()))
    assert statistics.progress() == Progress(1, 0, 0.0, 0.0)
    one(lambda: statistics.fail("wrong step"))
    assert statistics.progress().failing_age == 0.0
    for _ in range(3):
        one(lambda: statistics.fail(UNEXPECTED))
    one(lambda: statistics.fail("wrong step"))
    clock.now += 60.0
    # From the first to the last one: what no longer comes does not grow older.
    assert statistics.progress() == Progress(1, 5, 0.0, 2.0)
    statistics.receive()
    clock.now += 5.0
    assert statistics.progress().pending_age == statistics.snapshot().pending_age == 5.0
    statistics.begin()
    statistics.process(frame())
    assert statistics.progress() == Progress(2, 5, 0.0, 0.0)
