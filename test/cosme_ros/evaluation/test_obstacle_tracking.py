# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from cosme_ros.evaluation.obstacle_tracking import (
    LabelledObstacles,
    Sighting,
    false_alarms,
)


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
    assert obstacles.add(0, 0, label, None) == (
        Sighting(1, 36, found=False, iou=0.0, box=(10, 10, 6, 6)),
    )


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


def test_iou_is_of_the_masks_regions_that_touch_the_obstacle() -> None:
    """Other regions of the mask, other obstacles and ignored pixels do not count."""
    label = drawn((10, 10, 6, 6), (16, 10, 2, 6))
    label[:, 16] = 0  # a gap: two obstacles, of 36 and 6 pixels
    label[9] = 255
    mask = drawn((13, 9, 6, 7), (40, 30, 5, 5), value=255)
    obstacles = LabelledObstacles(4)
    large, small = obstacles.add(0, 0, label, mask)
    # The mask has 6 x 7 pixels: 6 ignored, 18 on the large one, 6 on the gap, 6 on the small one,
    # 6 beyond.
    assert (large.area, small.area) == (36, 6)
    assert large.iou == 18 / (36 + 6 + 6)
    assert small.iou == 6 / (6 + 6 + 6)
    obstacles.add(1, 1, label, np.where(label == 1, 255, 0).astype(np.uint8))
    assert [o.iou for o in obstacles.all] == [(18 / 48 + 1) / 2, (6 / 18 + 1) / 2]
    assert [o.largest_area for o in obstacles.all] == [36, 6]


def test_the_iou_of_an_obstacle_is_of_the_frames_that_find_it() -> None:
    label = drawn((10, 10, 10, 10))
    masks = [NOTHING, drawn((10, 10, 10, 5), value=255), NOTHING]
    (only,) = followed([(label, mask) for mask in masks]).all
    assert (only.ious, only.iou) == ([0.5], 0.5)
    (never,) = followed([(label, NOTHING)]).all
    assert never.iou is None


def test_after_a_cut_what_stands_in_the_same_place_is_another() -> None:
    obstacles = LabelledObstacles(4)
    label = drawn((10, 10, 6, 6))
    obstacles.add(0, 0, label, NOTHING)
    obstacles.cut()
    obstacles.add(1, 1, label, NOTHING)
    assert [(o.first_frame, o.last_frame) for o in obstacles.all] == [(0, 0), (1, 1)]


def test_false_alarms_touch_no_anomaly_and_something_that_is_judged() -> None:
    label = drawn((10, 10, 6, 6))
    label[30:] = 255
    mask = drawn((12, 12, 8, 8), (40, 10, 4, 3), (40, 32, 4, 3), value=255)
    score = drawn((41, 11, 1, 1), value=7).astype(np.float32)
    (only,) = false_alarms(mask, label, score)
    assert (only.peak, only.area, only.box) == (7.0, 12, (40, 10, 4, 3))


def test_the_share_of_each_obstacle_in_each_region_is_of_the_last_frame() -> None:
    obstacles = LabelledObstacles(4)
    obstacles.add(0, 0, drawn((10, 10, 6, 6)), NOTHING)
    obstacles.add(1, 1, drawn((10, 10, 6, 6), (40, 10, 4, 4)), NOTHING)
    regions = drawn((10, 10, 6, 2), value=1).astype(np.int32) + drawn((41, 10, 9, 9), value=2)
    shares = obstacles.covered_shares(regions, 4)
    assert {number: share.tolist() for number, share in shares.items()} == {
        1: [2 / 3, 1 / 3, 0, 0],
        2: [0.25, 0, 0.75, 0],
    }
