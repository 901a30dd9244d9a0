# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.replay.streaming_accuracy import ARRIVAL, STAMP, FrameTimes, timeline

START = 1_700_000_000_000_000_000
MS = 1_000_000


def frame(stamp: float, score: float | None, mask: float | None = None, *, picture: float = 1.0):
    """Milliseconds; the picture arrives `picture` after the stamp."""
    return FrameTimes(
        stamp=START + round(stamp * MS),
        picture=START + round((stamp + picture) * MS),
        score=None if score is None else START + round(score * MS),
        mask=None if mask is None else START + round(mask * MS),
    )


def test_a_drive_by_hand() -> None:
    """A frame every 100 ms, 150 ms for a result: every second frame is dropped."""
    when = timeline(
        [
            frame(0, 150, 160),
            frame(100, None),
            frame(200, 350, 345),
            frame(300, None),
            frame(400, 550),
            frame(500, None),
        ]
    )
    assert when.clock == STAMP
    assert when.newest == (None, None, 0, 0, 2, 2)
    np.testing.assert_allclose(when.latencies(), [0.16, 0.15, 0.15])
    np.testing.assert_allclose(when.ages(), [0.2, 0.3, 0.2, 0.3])
    assert when.frames_behind().tolist() == [2, 3, 2, 3]
    stamps = [START + n * 100 * MS for n in range(6)]
    assert when.judged_by() == dict(
        zip(stamps, [None, None, *stamps[:1] * 2, *stamps[2:3] * 2], strict=True)
    )


def test_a_result_counts_from_the_moment_it_is_published() -> None:
    """At the very moment of the next frame is in time, one nanosecond later is not."""
    assert timeline([frame(0, 100), frame(100, None)]).newest == (None, 0)
    assert timeline([frame(0, 100 + 1e-6), frame(100, None)]).newest == (None, None)


def test_the_newest_is_what_was_said_last() -> None:
    """However old the frame is that it was said of, and in whatever order frames are told."""
    when = timeline([frame(200, None), frame(100, 120), frame(0, 150)])
    assert [f.stamp for f in when.frames] == [START, START + 100 * MS, START + 200 * MS]
    assert when.newest == (None, None, 0)


def test_stamps_of_another_day_are_no_clock() -> None:
    """As a player leaves them that does not stamp anew; then the pictures' arrivals count."""
    day = 86_400_000
    when = timeline(
        [
            frame(0, day + 80, picture=day),
            frame(100, day + 130, picture=day - 50),  # played at twice the bag's speed
            frame(200, None, picture=day - 100),
        ]
    )
    assert when.clock == ARRIVAL
    assert when.newest == (None, None, 0)
    np.testing.assert_allclose(when.latencies(), [0.08, 0.08])


def test_one_stamp_from_the_future_is_enough_not_to_trust_them() -> None:
    assert timeline([frame(0, None), frame(100, None, picture=-3.0)]).clock == ARRIVAL


@pytest.mark.parametrize("seed", range(5))
def test_equals_a_slow_loop(seed: int) -> None:
    random = np.random.default_rng(seed)
    stamps = np.cumsum(random.uniform(5, 60, 80))
    frames = [
        frame(stamp, stamp + random.uniform(2, 200) if random.random() < 0.6 else None)
        for stamp in stamps
    ]
    when = timeline(frames)
    for index, now in enumerate(frames):
        newest, arrival = None, -1
        for other_index, other in enumerate(frames):
            if other.score is not None and arrival < other.score <= now.stamp:
                newest, arrival = other_index, other.score
        assert when.newest[index] == newest


def test_without_a_frame_or_a_result_there_is_nothing() -> None:
    assert timeline([]).frames == ()
    silent = timeline([frame(0, None), frame(100, None)])
    assert silent.newest == (None, None)
    assert silent.latencies().size == silent.ages().size == silent.frames_behind().size == 0
