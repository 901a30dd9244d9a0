# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.synthetic_streets import SyntheticStreets


@pytest.fixture(scope="module")
def streets():
    return SyntheticStreets(3, 6, height=96, width=160)


def test_frames_have_labels_of_their_size(streets):
    image, label = streets[0]
    assert (image.shape, image.dtype) == ((96, 160, 3), np.uint8)
    assert (label.shape, label.dtype) == ((96, 160), np.uint8)
    assert 255 not in label


def test_a_frame_depends_on_seed_and_number_alone(streets):
    last = streets[5]
    streets[0]
    np.testing.assert_array_equal(streets[5][0], last[0])
    again = SyntheticStreets(3, 100, height=96, width=160)
    np.testing.assert_array_equal(again[5][0], last[0])
    np.testing.assert_array_equal(again.images[5], last[0])


def test_frames_and_seeds_differ(streets):
    other = SyntheticStreets(4, 6, height=96, width=160)
    assert np.mean(streets[0][0] != streets[1][0]) > 0.5
    assert np.mean(streets[3][0] != streets[4][0]) > 0.5
    assert np.mean(streets[0][0] != other[0][0]) > 0.5


def test_index_past_the_end(streets):
    assert len(streets) == len(streets.images) == 6
    with pytest.raises(IndexError):
        streets[6]
