# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.readers.label_map import LabelMap
from training.datasets.readers.labels import ColourLabels, anomaly_labels
from training.errors import UsageError

COLOURS = {(0, 0, 0): 255, (255, 255, 255): 3, (1, 0, 0): 0, (0, 0, 1): 1, (0, 1, 0): 2}


def test_colours_against_a_loop(put):
    rng = np.random.default_rng(0)
    rgb = np.array(list(COLOURS), np.uint8)[rng.integers(0, len(COLOURS), (7, 9))]
    label = ColourLabels(COLOURS)(put("a.png", np.ascontiguousarray(rgb[..., ::-1])))
    for row, column in np.ndindex(7, 9):
        assert label[row, column] == COLOURS[tuple(rgb[row, column].tolist())]
    assert label.dtype == np.uint8


# Below the least, between, and above the greatest of the known ones.
@pytest.mark.parametrize("colour", [(0, 0, 2), (200, 0, 0), (255, 255, 254)])
def test_unknown_colour(put, colour):
    with pytest.raises(
        UsageError, match=r"a\.png holds the colour \(RGB\) {}, {}, {},".format(*colour)
    ):
        ColourLabels(COLOURS)(put("a.png", np.array([[colour[::-1], (0, 0, 0)]], np.uint8)))


def test_values(put_label):
    read = LabelMap({4: 0, 9: 7}).read
    np.testing.assert_array_equal(read(put_label("a.png", [[4, 9, 255]])), [[0, 7, 255]])
    with pytest.raises(UsageError, match=r"b\.png holds the label value 5"):
        read(put_label("b.png", [[4, 5]]))


def test_colours_where_values_are_expected(put):
    with pytest.raises(UsageError, match="has 3 channels of 8 bits; a label picture has one"):
        LabelMap({0: 0}).read(put("a.png", 3))


def test_anomaly_labels():
    label_map = anomaly_labels(normal=range(1, 3), anomaly=range(5, 7), ignored=(0,))
    label = np.array([[0, 1, 2, 5, 6, 255]], np.uint8)
    np.testing.assert_array_equal(label_map(label, "x"), [[255, 0, 0, 1, 1, 255]])
    with pytest.raises(UsageError, match="holds the label value 4"):
        label_map(np.array([[4]], np.uint8), "x")
