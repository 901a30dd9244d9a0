# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.adaptation.places import marked_features


@pytest.mark.parametrize(
    ("margin", "expected"), [(0, [5]), (1, [0, 1, 2, 4, 5, 6, 8, 9, 10]), (9, list(range(12)))]
)
def test_the_touched_places_and_their_margin(margin, expected):
    feature_map = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    mask = np.zeros((30, 40), bool)
    mask[12:15, 13:16] = True  # inside of place (1, 1)
    assert marked_features(mask, feature_map, margin=margin).ravel().tolist() == expected


def test_one_pixel_is_enough_on_any_grid():
    mask = np.zeros((1080, 1920), bool)
    mask[1079, 1919] = True
    feature_map = np.arange(23 * 40, dtype=np.float32).reshape(1, 23, 40)
    assert marked_features(mask, feature_map, margin=0).ravel().tolist() == [23 * 40 - 1]
