# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from cosme_ros.postprocessing.obstacle_decision import UNKNOWN, ObstacleDecision
from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.tracking.confirmed_obstacles import confirmed_only
from cosme_ros.tracking.obstacle_tracker import Track


def decision(*boxes) -> ObstacleDecision:
    """Boxes (x, y, width, height) as obstacles, whose peaks fall from 9."""
    score = np.zeros((60, 80), np.float32)
    for number, (x, y, width, height) in enumerate(boxes):
        score[y : y + height, x : x + width] = 9 - number
    return ObstacleDecision(*find_obstacles(score, region=None, minimum_area=1))


def tracks(*confirmed: bool) -> tuple[Track, ...]:
    return tuple(Track(7 + number, 0.1, 2, value) for number, value in enumerate(confirmed))


def test_where_all_are_confirmed_nothing_is_made_anew() -> None:
    whole = decision((5, 5, 10, 10), (40, 30, 6, 6))
    found = confirmed_only(whole, tracks(True, True))
    assert found.decision is whole and found.unconfirmed == 0
    assert [track.id for track in found.tracks] == [7, 8]


def test_what_is_not_confirmed_is_in_neither_mask_nor_list() -> None:
    whole = decision((5, 5, 10, 10), (40, 30, 6, 6), (60, 5, 4, 4))
    before = whole.mask.copy()
    found = confirmed_only(whole, tracks(True, False, True))
    expected = decision((5, 5, 10, 10), (60, 5, 4, 4))
    np.testing.assert_array_equal(found.decision.mask, expected.mask)
    assert found.decision.obstacles == (whole.obstacles[0], whole.obstacles[2])
    assert [track.id for track in found.tracks] == [7, 9] and found.unconfirmed == 1
    np.testing.assert_array_equal(whole.mask, before)


def test_an_obstacle_in_anothers_hole_is_told_from_it() -> None:
    score = np.zeros((60, 80), np.float32)
    score[10:40, 10:40] = 5
    score[14:36, 14:36] = 0
    score[20:25, 20:25] = 3
    whole = ObstacleDecision(*find_obstacles(score, region=None, minimum_area=1))
    found = confirmed_only(whole, tracks(False, True))
    np.testing.assert_array_equal(found.decision.mask > 0, score == 3)


def test_an_unknown_road_stays_unknown() -> None:
    found = confirmed_only(UNKNOWN, ())
    assert found.decision is UNKNOWN and found.unconfirmed == 0
