# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import numpy as np
import pytest

from cosme_ros.missing_packages import MissingPackageError
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.tracking.obstacle_tracker import PATIENCE, ObstacleTracker, box_distances

STEP = 100_000_000  # nanoseconds


def box(x, y=100, width=20, height=20) -> Obstacle:
    return Obstacle(x, y, width, height, width * height, 2.0)


def followed(tracker: ObstacleTracker, *frames: list[Obstacle], start: int = 0) -> list[list[int]]:
    return [
        [track.id for track in tracker.update(obstacles, (start + number) * STEP)]
        for number, obstacles in enumerate(frames)
    ]


def test_ids_follow_obstacles_whatever_their_order() -> None:
    """They come highest peak first, which changes from frame to frame."""
    frames = [[box(50 + 3 * i), box(200 - 3 * i, 110)][:: 1 if i % 2 else -1] for i in range(8)]
    ids = followed(ObstacleTracker(), *frames)
    assert [sorted(frame) for frame in ids] == [[1, 2]] * 8
    assert all(here == before[::-1] for before, here in pairwise(ids))


def test_a_small_obstacle_is_followed_although_its_boxes_do_not_overlap() -> None:
    frames = [[box(100 + 5 * i, width=5, height=5)] for i in range(8)]
    assert followed(ObstacleTracker(), *frames) == [[1]] * 8


def test_what_is_elsewhere_is_another() -> None:
    assert followed(ObstacleTracker(), [box(50)], [box(300)], [box(50), box(300)]) == [
        [1],
        [2],
        [1, 2],
    ]


@pytest.mark.parametrize("missed", [0, 1, PATIENCE, PATIENCE + 1])
def test_an_id_lasts_over_frames_that_miss_the_obstacle(missed: int) -> None:
    """From its first frame on, and only so long."""
    ids = followed(ObstacleTracker(), [box(50)], *[[]] * missed, [box(50)])
    assert ids[-1] == [1 if missed <= PATIENCE else 2]


def test_age_and_frames_are_of_the_track() -> None:
    tracker = ObstacleTracker()
    tracker.update([box(50)], 0)
    tracker.update([], STEP)
    (track,) = tracker.update([box(52)], 2 * STEP)
    assert (track.id, track.frames_seen, track.age) == (1, 2, pytest.approx(0.2))
    assert track.velocity is None and track.speed is None


def test_one_of_one_confirms_at_once() -> None:
    (track,) = ObstacleTracker().update([box(50)], 0)
    assert track.confirmed


def confirmed(min_seen: int, window: int, shown: str) -> str:
    """Whether the track of each frame with an 'x' is confirmed; '.' shows nothing."""
    tracker = ObstacleTracker(min_seen=min_seen, window=window)
    answers = ""
    for number, mark in enumerate(shown):
        tracks = tracker.update([box(50)] if mark == "x" else [], number * STEP)
        answers += "." if not tracks else "c" if tracks[0].confirmed else "-"
    return answers


def test_k_of_n_confirms_from_the_kth_frame_of_the_window_on_and_for_good() -> None:
    assert confirmed(3, 5, "xxxxx") == "--ccc"
    assert confirmed(3, 5, "x.x.x") == "-.-.c"
    assert confirmed(3, 5, "x..x.x") == "-..-.-"  # the first is six frames ago
    assert confirmed(3, 5, "x..x.xx") == "-..-.-c"
    assert confirmed(2, 2, "x.x.x.xx....x") == "-.-.-.-c....c"
    assert confirmed(1, 4, "x.x") == "c.c"
    # A track lasts as long as the window can need it.
    assert confirmed(2, 12, "x..........x") == "-..........c"


@pytest.mark.parametrize("stamp", [20 * STEP, -STEP])
def test_gaps_and_time_jumps_end_tracks_and_their_confirmation(stamp: int) -> None:
    tracker = ObstacleTracker(min_seen=2, window=2)
    followed(tracker, *[[box(50)]] * 3)
    (track,) = tracker.update([box(50)], stamp)
    assert (track.id, track.confirmed, track.age) == (2, False, 0)


def test_a_cut_ends_tracks() -> None:
    tracker = ObstacleTracker()
    ids = [
        tracker.update([box(50)], number * STEP, scene=scene)[0].id
        for number, scene in enumerate("aabb")
    ]
    assert ids == [1, 1, 2, 2]


def test_speed_is_of_the_positions_that_are_given() -> None:
    tracker = ObstacleTracker()
    for number in range(6):
        (track, without) = tracker.update(
            [box(50), box(300)], number * STEP, positions=[(20.0 - 0.8 * number, 1.0), None]
        )
    assert track.velocity == pytest.approx((-8.0, 0.0), abs=1e-6)
    assert track.speed == pytest.approx(8.0)
    assert without.velocity is None
    (track, _) = tracker.update([box(50), box(300)], 6 * STEP)
    assert track.velocity is None, "of a frame without its position nothing is known"


def test_the_distance_is_that_of_a_slow_loop() -> None:
    random = np.random.default_rng(2)

    def boxes(count):
        corner = random.uniform(0, 60, (count, 2))
        return np.hstack([corner, corner + random.uniform(2, 40, (count, 2))])

    first, second = boxes(7), boxes(9)
    found = box_distances(first, second)
    for i, (l1, t1, r1, b1) in enumerate(first):
        for j, (l2, t2, r2, b2) in enumerate(second):
            common = max(0, min(r1, r2) - max(l1, l2)) * max(0, min(b1, b2) - max(t1, t2))
            iou = common / ((r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - common)
            apart = ((l1 + r1 - l2 - r2) / 2) ** 2 + ((t1 + b1 - t2 - b2) / 2) ** 2
            around = (max(r1, r2) - min(l1, l2)) ** 2 + (max(b1, b2) - min(t1, t2)) ** 2
            assert found[i, j] == pytest.approx(1 - iou + apart / around, abs=1e-12)


def test_a_prediction_that_has_collapsed_is_a_number_still() -> None:
    found = box_distances(np.array([[0.0, 0, 10, 10]]), np.array([[8.0, 8, 2, 2]]))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("min_seen", "window"), [(0, 1), (2, 1)])
def test_more_frames_than_there_are_is_refused(min_seen: int, window: int) -> None:
    with pytest.raises(ValueError, match=f"cannot be seen in {min_seen} of {window} frames"):
        ObstacleTracker(min_seen=min_seen, window=window)


def test_without_the_library_a_sentence_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "norfair", None)
    with pytest.raises(MissingPackageError, match=r"'norfair' is not installed here"):
        ObstacleTracker()
