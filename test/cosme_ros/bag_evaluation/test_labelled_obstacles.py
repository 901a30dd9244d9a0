# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from cosme_ros.bag_evaluation.labelled_obstacles import LabelledObstacles, Missed


def drawn(*boxes, value=1, size=(40, 60)) -> np.ndarray:
    """uint8 with boxes (x, y, width, height)."""
    array = np.zeros(size, np.uint8)
    for x, y, width, height in boxes:
        array[y : y + height, x : x + width] = value
    return array


def followed(frames, minimum_area=4) -> LabelledObstacles:
    """`frames`: label and mask of each, 0.1 s apart."""
    obstacles = LabelledObstacles(minimum_area)
    for index, (label, mask) in enumerate(frames):
        obstacles.add(index, index * 100_000_000, label, mask)
    return obstacles


NOTHING = drawn()


def test_delay_counts_from_appearing_to_the_first_finding() -> None:
    moving = [drawn((10 + 2 * i, 10, 6, 6)) for i in range(6)]
    masks = [NOTHING, NOTHING, NOTHING, moving[3] * 255, NOTHING, moving[5] * 255]
    (only,) = followed(zip([NOTHING, *moving], [NOTHING, *masks], strict=True)).all
    assert (only.first_frame, only.first_area, only.frames, only.last_frame) == (1, 36, 6, 6)
    assert (only.found_after, only.frames_found, only.found_area) == (3, 2, 36)
    assert abs(only.found_after_seconds - 0.3) < 1e-9


def test_never_counts_as_never() -> None:
    label = drawn((10, 10, 6, 6))
    (only,) = followed([(label, NOTHING)] * 3).all
    assert only.found_after is None and only.found_after_seconds is None
    assert (only.frames, only.frames_found) == (3, 0)


def test_a_withheld_mask_finds_nothing() -> None:
    label = drawn((10, 10, 6, 6))
    obstacles = LabelledObstacles(4)
    assert obstacles.add(0, 0, label, None) == (Missed(1, 36),)


def test_a_tenth_has_to_be_covered() -> None:
    label = drawn((10, 10, 10, 10))
    for covered, found in ((9, False), (10, True)):
        mask = drawn((10, 10, covered, 1), value=255)
        assert (followed([(label, mask)]).all[0].found_after == 0) is found


def test_two_obstacles_are_told_apart_and_reappearing_is_new() -> None:
    left, right = (5, 10, 6, 6), (40, 10, 6, 6)
    frames = [drawn(left), drawn(left, right), drawn(right), drawn(left, right)]
    obstacles = followed([(label, NOTHING) for label in frames])
    assert [(o.first_frame, o.frames) for o in obstacles.all] == [(0, 2), (1, 3), (3, 1)]


def test_a_pole_before_it_does_not_make_two() -> None:
    """Both parts share pixels with what was one; and afterwards it is one again."""
    whole, halves = drawn((10, 10, 20, 6)), drawn((10, 10, 8, 6), (21, 10, 9, 6))
    found = drawn((10, 10, 8, 6), value=255)
    (only,) = followed([(whole, NOTHING), (halves, found), (whole, NOTHING)]).all
    assert (only.frames, only.found_after) == (3, 1)


def test_what_is_too_small_has_not_appeared_yet() -> None:
    sizes = [(10, 10, 1, 3), (10, 10, 2, 3), (10, 10, 4, 4)]
    (only,) = followed([(drawn(box), drawn(box, value=255)) for box in sizes], 6).all
    assert (only.first_frame, only.first_area, only.found_after) == (1, 6, 0)


def test_ignored_is_no_obstacle_and_other_sizes_begin_anew() -> None:
    obstacles = LabelledObstacles(4)
    assert obstacles.add(0, 0, drawn((10, 10, 6, 6), value=255), NOTHING) == ()
    obstacles.add(1, 1, drawn((10, 10, 6, 6)), NOTHING)
    obstacles.add(2, 2, drawn((10, 10, 6, 6), size=(80, 90)), drawn(size=(80, 90)))
    assert len(obstacles.all) == 2


def test_stamps_that_go_back_give_no_seconds() -> None:
    obstacles = LabelledObstacles(4)
    label = drawn((10, 10, 6, 6))
    obstacles.add(0, 1000, label, NOTHING)
    obstacles.add(1, 500, label, label * 255)
    assert obstacles.all[0].found_after == 1
    assert obstacles.all[0].found_after_seconds is None
