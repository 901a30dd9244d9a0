# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What becomes of frames: every one is accounted for, whatever happens and whenever it ends."""

import random
import threading
import time

import pytest

from cosme_ros.streaming.frame_statistics import FrameStatistics, Processed
from cosme_ros.streaming.frame_worker import FrameWorker
from cosme_ros.streaming.score_drift import ScoreSpread

CAMERAS = ("front", "rear")
OVERLAP = pytest.mark.parametrize("overlap", [False, True])


class Work:
    """Steps that keep account themselves; frames are (camera, number)."""

    def __init__(self, *, overlap, deadline=0.0, detect=None, finish=None):
        self.statistics = {camera: FrameStatistics() for camera in CAMERAS}
        self.detected, self.finished, self.errors = [], [], []
        self.threads_before = set(threading.enumerate())
        self._detect_more = detect or (lambda frame: None)
        self._finish_more = finish or (lambda frame: None)
        self.worker = FrameWorker(
            self.statistics,
            detect=self._detect,
            finish=self._finish,
            failed=self._failed,
            deadline=deadline,
            overlap=overlap,
        )

    def _detect(self, turn):
        self._detect_more(turn.frame)
        self.detected.append(turn.frame)
        return ("detected", turn.frame)

    def _finish(self, turn, detected):
        assert detected == ("detected", turn.frame)
        assert turn.camera == turn.frame[0]
        self._finish_more(turn.frame)
        if self.worker.closing:
            return None
        self.finished.append(turn.frame)
        return Processed(0.0, 0.0, None, ScoreSpread(0.0, 0.2, 0.0), mask_withheld=False)

    def _failed(self, camera, error):
        self.errors.append((camera, str(error)))
        return None if "the end" in str(error) else type(error).__name__

    def wait_until(self, condition):
        while not condition():
            time.sleep(0.001)

    def own_threads(self):
        return set(threading.enumerate()) - self.threads_before

    def check_all_is_accounted_for(self):
        for camera, statistics in self.statistics.items():
            s = statistics.snapshot()
            assert s.received == s.processed + s.dropped + s.late + sum(s.failed.values())
            assert (s.waiting, s.under_way, s.pending_age) == (0, 0, 0.0)
            assert s.processed == len([f for f in self.finished if f[0] == camera])


@OVERLAP
def test_every_camera_has_its_frames_finished_in_order_and_counted(overlap):
    work = Work(overlap=overlap)
    work.worker.start()
    for number in range(2000):
        for camera in CAMERAS:
            work.worker.offer(camera, (camera, number))
        time.sleep(0.0)
    last = {(camera, 1999) for camera in CAMERAS}
    work.wait_until(lambda: last <= set(work.finished))
    work.worker.close()
    for camera in CAMERAS:
        own = [frame for frame in work.finished if frame[0] == camera]
        assert own == sorted(own)
        assert work.statistics[camera].snapshot().received == 2000
    work.check_all_is_accounted_for()
    assert not work.own_threads()


def test_the_next_frame_is_at_the_networks_while_one_is_finished():
    both = threading.Barrier(2, timeout=60)  # breaks, and so fails, where one waits for the other

    def detect(frame):
        if frame[1] == 2:
            both.wait()

    def finish(frame):
        if frame[1] == 1:
            both.wait()

    work = Work(overlap=True, detect=detect, finish=finish)
    work.worker.start()
    work.worker.offer("front", ("front", 1))
    work.wait_until(lambda: work.detected)
    work.worker.offer("front", ("front", 2))
    work.wait_until(lambda: len(work.finished) + len(work.errors) == 2)
    work.worker.close()
    assert work.errors == []
    assert work.finished == [("front", 1), ("front", 2)]


def test_a_slow_second_thread_holds_the_first_and_so_the_newest_wins():
    may_finish = threading.Event()
    work = Work(overlap=True, finish=lambda frame: may_finish.wait())
    work.worker.start()
    for number in (1, 2):
        work.worker.offer("front", ("front", number))
        work.wait_until(lambda number=number: ("front", number) in work.detected)
    for number in range(3, 11):
        work.worker.offer("front", ("front", number))
    time.sleep(0.05)
    assert work.detected == [("front", 1), ("front", 2)]
    may_finish.set()
    work.wait_until(lambda: len(work.finished) == 3)
    work.worker.close()
    assert work.finished == [("front", 1), ("front", 2), ("front", 10)]
    assert work.statistics["front"].snapshot().dropped == 7


def test_without_overlap_one_frame_is_under_way():
    may_finish = threading.Event()
    work = Work(overlap=False, finish=lambda frame: may_finish.wait())
    work.worker.start()
    work.worker.offer("front", ("front", 1))
    work.wait_until(lambda: work.detected)
    work.worker.offer("front", ("front", 2))
    time.sleep(0.05)
    assert work.detected == [("front", 1)]
    may_finish.set()
    work.wait_until(lambda: len(work.finished) == 2)
    work.worker.close()


@OVERLAP
@pytest.mark.parametrize("step", ["detect", "finish"])
def test_an_error_in_either_step_costs_its_frame_only(overlap, step):
    def fail_on_odd(frame):
        if frame[1] % 2:
            raise ValueError(f"frame {frame[1]}")

    work = Work(overlap=overlap, **{step: fail_on_odd})
    work.worker.start()
    for number in range(6):
        work.worker.offer("rear", ("rear", number))
        work.wait_until(lambda number=number: len(work.finished) + len(work.errors) == number + 1)
    work.worker.close()
    assert work.finished == [("rear", 0), ("rear", 2), ("rear", 4)]
    assert work.errors == [("rear", f"frame {number}") for number in (1, 3, 5)]
    assert work.statistics["rear"].snapshot().failed == {"ValueError": 3}
    work.check_all_is_accounted_for()


@OVERLAP
def test_what_fails_because_all_ends_is_no_failure(overlap):
    def fail(frame):
        raise RuntimeError("this is the end")

    work = Work(overlap=overlap, finish=fail)
    work.worker.start()
    work.worker.offer("front", ("front", 0))
    work.wait_until(lambda: work.errors)
    work.worker.close()
    s = work.statistics["front"].snapshot()
    assert (s.failed, s.dropped) == ({}, 1)


@OVERLAP
def test_late_frames_are_counted_and_never_begun(overlap):
    begun, may_go_on = [], threading.Event()

    def detect(frame):
        begun.append(frame)
        may_go_on.wait()

    work = Work(overlap=overlap, deadline=0.02, detect=detect)
    work.worker.start()
    while not begun:  # again, where the machine was slow and even this one late
        work.worker.offer("front", ("front", 0))
        time.sleep(0.001)
    for camera in CAMERAS:
        work.worker.offer(camera, (camera, 1))
    time.sleep(0.1)
    may_go_on.set()
    for camera in CAMERAS:
        work.wait_until(lambda camera=camera: work.statistics[camera].snapshot().late)
    work.worker.close()
    assert begun == [("front", 0)]
    assert work.statistics["rear"].snapshot().received == 1
    work.check_all_is_accounted_for()


@OVERLAP
def test_it_can_be_closed_at_any_moment(overlap):
    """Hundreds of moments: whatever the threads are at, they end, nothing is published after that,
    and every frame is accounted for."""
    random_numbers = random.Random(0)

    def dawdle(_):
        time.sleep(random_numbers.choice((0.0, 0.0001, 0.0005)))

    for moment in range(300):
        work = Work(overlap=overlap, deadline=0.0003, detect=dawdle, finish=dawdle)
        work.worker.start()
        for number in range(random_numbers.randrange(12)):
            camera = random_numbers.choice(CAMERAS)
            work.worker.offer(camera, (camera, number))
            dawdle(None)
        work.worker.close()
        published = list(work.finished)
        assert not work.own_threads(), moment
        work.worker.offer("front", ("front", 99))
        assert work.finished == published
        work.check_all_is_accounted_for()


@OVERLAP
def test_a_worker_that_was_never_started_can_be_closed(overlap):
    work = Work(overlap=overlap)
    work.worker.offer("front", ("front", 0))
    work.worker.close()
    assert work.statistics["front"].snapshot().dropped == 1


@OVERLAP
def test_every_frame_is_accounted_for_at_every_moment(overlap):
    """Looked at thousands of times while frames come, fail, come late and are displaced."""
    random_numbers = random.Random(1)

    def dawdle_or_fail(frame):
        time.sleep(random_numbers.choice((0.0, 0.0002)))
        if frame[1] % 7 == 0:
            raise ValueError("a seventh of them")

    work = Work(overlap=overlap, deadline=0.0004, detect=dawdle_or_fail, finish=dawdle_or_fail)
    work.worker.start()
    ended = threading.Event()
    looks = {camera: [] for camera in CAMERAS}

    def look():
        while not ended.is_set():
            for camera in CAMERAS:
                looks[camera].append(work.statistics[camera].snapshot())

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(3000):
        work.worker.offer(CAMERAS[number % 2], (CAMERAS[number % 2], number))
        if number % 3 == 0:
            time.sleep(0.0001)
    work.worker.close()
    ended.set()
    looking.join()
    for camera in CAMERAS:
        assert len(looks[camera]) > 10
        for s in looks[camera]:
            ended_frames = s.processed + s.dropped + s.late + sum(s.failed.values())
            assert s.received == ended_frames + s.waiting + s.under_way
            # For a moment one that was displaced and one that was taken are counted as waiting too.
            assert 0 <= s.waiting <= 3
            assert 0 <= s.under_way <= 2
        last = work.statistics[camera].snapshot()
        assert last.failed
        assert last.dropped
    work.check_all_is_accounted_for()


@OVERLAP
@pytest.mark.parametrize("step", ["detect", "finish"])
def test_a_frame_that_hangs_is_seen_by_every_camera_and_does_not_hang_close(overlap, step):
    may_end = threading.Event()
    hanging = threading.Event()

    def hang(frame):
        hanging.set()
        may_end.wait()

    work = Work(overlap=overlap, **{step: hang})
    work.worker.start()
    try:
        work.worker.offer("front", ("front", 0))
        hanging.wait()
        for number in range(1, 50):  # of both cameras: the rear's only wait, and are displaced
            for camera in CAMERAS:
                work.worker.offer(camera, (camera, number))
            time.sleep(0.002)
        for camera in CAMERAS:
            s = work.statistics[camera].snapshot()
            assert s.processed == 0
            assert s.pending_age > 0.09, "since the first frame, not since the newest"
        began = time.monotonic()
        assert not work.worker.close(timeout=0.1)
        assert time.monotonic() - began < 30
    finally:
        may_end.set()
        has_ended = work.worker.close(timeout=None)  # else its threads outlive a test that failed
    assert has_ended and not work.finished
    work.check_all_is_accounted_for()
