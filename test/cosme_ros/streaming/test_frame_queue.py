# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import random
import threading
import time

import pytest

from cosme_ros.streaming.frame_queue import FrameQueue

ONE = ("front",)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def taken_frames(turns, frames):
    """A thread that takes until all is closed."""

    def work():
        while (turn := turns.take()) is not None:
            frames.append(turn.frame)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_newest_of_a_camera_wins_and_what_it_displaced_is_told():
    turns = FrameQueue(ONE)
    assert turns.put("front", "first") is None
    assert turns.put("front", "second") == "first"
    assert turns.put("front", "third") == "second"
    assert turns.take().frame == "third"
    assert turns.put("front", "fourth") is None


def test_cameras_displace_only_their_own():
    turns = FrameQueue(("front", "rear"))
    assert turns.put("front", 1) is None
    assert turns.put("rear", 2) is None
    assert turns.put("front", 3) == 1
    assert [(turn.camera, turn.frame) for turn in (turns.take(), turns.take())] == [
        ("front", 3),
        ("rear", 2),
    ]


def test_take_waits_for_a_frame():
    turns = FrameQueue(ONE)
    frames = []
    thread = taken_frames(turns, frames)
    time.sleep(0.05)
    assert thread.is_alive()
    turns.put("front", "late")
    while not frames:
        time.sleep(0.001)
    turns.close()
    thread.join()
    assert frames == ["late"]


def test_close_ends_a_waiting_take():
    turns = FrameQueue(ONE)
    frames = []
    thread = taken_frames(turns, frames)
    assert turns.close() == {}
    thread.join()
    assert frames == []


def test_what_waits_when_all_is_closed_or_comes_later_is_given_back():
    turns = FrameQueue(("front", "rear"))
    turns.put("front", "waiting")
    turns.put("rear", "too")
    assert turns.close() == {"front": "waiting", "rear": "too"}
    assert turns.put("front", "late") == "late"
    assert turns.take() is None


def test_every_frame_is_taken_or_given_back_under_two_threads():
    turns = FrameQueue(("a", "b"))
    frames = []
    thread = taken_frames(turns, frames)
    given_back = []
    for n in range(1, 20001):
        displaced = turns.put("ab"[n % 2], n)
        if displaced is not None:
            given_back.append(displaced)
    left = turns.close()
    thread.join()
    assert sorted([*frames, *given_back, *left.values()]) == list(range(1, 20001))
    for parity in (0, 1):
        own = [n for n in frames if n % 2 == parity]
        assert own == sorted(own)


def test_a_turn_tells_when_its_frame_came_and_was_begun():
    clock = Clock()
    turns = FrameQueue(ONE, clock=clock)
    turns.put("front", "frame")
    clock.now = 100.5
    turn = turns.take()
    assert (turn.arrived, turn.began, turn.late) == (100.0, 100.5, False)


def test_who_was_served_longest_ago_comes_first():
    turns = FrameQueue(("a", "b", "c"))
    served = []
    for _ in range(9):
        for camera in "cba":  # whatever the order of arrival
            turns.put(camera, None)
        served.append(turns.take().camera)
    assert "".join(served) == "abcabcabc"
    turns.take(), turns.take()  # a and b; c has nothing
    turns.put("b", None)
    turns.put("c", None)
    assert turns.take().camera == "c"


def test_a_fast_camera_does_not_keep_a_slow_one_waiting():
    turns = FrameQueue(("slow", "fast"))
    for _ in range(100):
        turns.put("fast", None)
        turns.take()
    turns.put("fast", None)
    turns.put("slow", None)
    turns.put("fast", None)
    assert turns.take().camera == "slow"


@pytest.mark.parametrize("deadline", [0.0, 3.0])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_frame_waits_for_the_one_under_way_and_one_of_each_other_camera(count, deadline):
    """Cameras of very different rates, frames of uneven cost; time goes by in steps of 1."""
    random_numbers = random.Random(count)
    clock = Clock()
    cameras = [f"camera_{index}" for index in range(count)]
    odds = {camera: random_numbers.choice((0.02, 0.3, 0.95)) for camera in cameras}
    turns = FrameQueue(cameras, deadline=deadline, clock=clock)
    begun_since: dict[str, set] = {}  # for each frame that waits: whose frames were begun since
    longest, busy_until = 0, 0.0
    for _ in range(20000):
        clock.now += 1.0
        for camera in cameras:
            if random_numbers.random() < odds[camera]:
                turns.put(camera, None)
                begun_since[camera] = []
        while clock.now >= busy_until and begun_since:
            turn = turns.take()
            waited = begun_since.pop(turn.camera)
            if turn.late:
                continue
            assert len(waited) == len(set(waited)) <= count - 1
            assert turn.camera not in waited
            longest = max(longest, len(waited))
            for others in begun_since.values():
                others.append(turn.camera)
            busy_until = clock.now + random_numbers.choice((1.0, 2.0, 7.0))
    if not deadline:
        assert longest == count - 1, "else the bound was never met, and nothing was tested"


def test_a_frame_older_than_the_deadline_is_late_and_one_just_as_old_is_not():
    clock = Clock()
    turns = FrameQueue(ONE, deadline=0.5, clock=clock)
    for age, late in ((0.5, False), (0.6, True)):
        clock.now = 100.0
        turns.put("front", age)
        clock.now = 100.0 + age
        assert turns.take().late == late


def test_without_a_deadline_nothing_is_late():
    clock = Clock()
    turns = FrameQueue(ONE, clock=clock)
    turns.put("front", None)
    clock.now += 1e6
    assert not turns.take().late


def test_age_counts_from_the_arrival_of_the_frame_that_displaced_the_old_one():
    clock = Clock()
    turns = FrameQueue(ONE, deadline=0.5, clock=clock)
    turns.put("front", "old")
    clock.now += 0.4
    turns.put("front", "new")
    clock.now += 0.4
    turn = turns.take()
    assert (turn.frame, turn.late) == ("new", False)


def test_a_late_frame_takes_no_turn_from_its_camera():
    clock = Clock()
    turns = FrameQueue(("a", "b"), deadline=0.5, clock=clock)
    turns.put("a", "late")
    clock.now += 1.0
    assert turns.take().late
    turns.put("b", None)
    turns.put("a", None)
    assert turns.take().camera == "a"
