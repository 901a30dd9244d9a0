# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest

from training.datasets.inspection import inspect
from training.datasets.registry import open_dataset
from training.errors import UsageError


@pytest.fixture
def five(tmp_path, put, put_label):
    for number in range(5):
        height = 2 if number else 4
        put(f"images/{number}.png", 1, height, 3)
        put_label(f"labels/{number}.png", [[number == 4, 0, 255]] * height)
    return tmp_path


def test_counts_all(five):
    found = inspect(open_dataset(f"folder={five}"), None)
    assert (found.frames, found.read) == (5, 5)
    assert found.sizes == {(4, 3): 1, (2, 3): 4}
    assert found.pixels == {0: 12 + 10, 1: 2, 255: 12}
    # Per row one of three pixels is ignored; there are 4 + 4 * 2 rows.
    assert found.share(255) == pytest.approx(1 / 3)


def test_few_are_spread_over_the_set(five):
    found = inspect(open_dataset(f"folder={five}"), 2)
    assert (found.frames, found.read, found.sizes) == (5, 2, {(4, 3): 1, (2, 3): 1})
    assert found.pixels[1] == 2


def test_a_label_that_is_no_class(five):
    strange = [np.zeros((2, 3, 3), np.uint8), np.full((2, 3), 2, np.uint8)]

    class Strange:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return strange

        def frame_name(self, index):
            return "odd"

    dataset = replace(open_dataset(f"folder={five}"), source=Strange())
    with pytest.raises(UsageError, match="odd has the label 2; expected 0 to 1, or 255"):
        inspect(dataset, None)
