# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.adaptation.places import marked_features, other_alarms

GRID = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


def marked(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((30, 40), bool)
    mask[rows, columns] = True
    return mask


NOTHING = marked(slice(0, 0), slice(0, 0))
INSIDE_OF_5 = marked(slice(12, 15), slice(13, 16))


@pytest.mark.parametrize(
    ("margin", "expected"), [(0, [5]), (1, [0, 1, 2, 4, 5, 6, 8, 9, 10]), (9, list(range(12)))]
)
def test_the_touched_places_and_their_margin(margin, expected):
    found = marked_features(INSIDE_OF_5, GRID, others=NOTHING, margin=margin)
    assert found.ravel().tolist() == expected


def test_one_pixel_is_enough_on_any_grid():
    mask = np.zeros((1080, 1920), bool)
    mask[1079, 1919] = True
    feature_map = np.arange(23 * 40, dtype=np.float32).reshape(1, 23, 40)
    found = marked_features(mask, feature_map, others=np.zeros_like(mask), margin=0)
    assert found.ravel().tolist() == [23 * 40 - 1]


def test_places_that_show_an_alarm_that_is_not_marked_are_left_out():
    others = marked(slice(8, 12), slice(25, 29))  # inside of places 2 and 6
    found = marked_features(INSIDE_OF_5, GRID, others=others, margin=1)
    assert found.ravel().tolist() == [0, 1, 4, 5, 8, 9, 10]
    assert marked_features(INSIDE_OF_5, GRID, others=INSIDE_OF_5, margin=0).shape == (0, 1)


def test_other_alarms_are_the_regions_without_a_marked_pixel():
    score = np.zeros((30, 40), np.float32)
    score[12:20, 13:20] = 1.0
    score[2:5, 2:5] = 3.0
    score[25:28, 30:33] = 0.99
    expected = np.zeros((30, 40), bool)
    expected[2:5, 2:5] = True
    assert (other_alarms(INSIDE_OF_5, score) == expected).all()
