# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.visualization.text import Box, draw_backdrop, text_height, text_width, unit_of, write


@pytest.mark.parametrize(
    ("height", "width", "unit"), [(360, 640, 1), (720, 1280, 2), (720, 640, 1), (36, 64, 0.6)]
)
def test_unit_follows_the_smaller_side_and_has_a_least(height, width, unit) -> None:
    assert unit_of(height, width) == unit


@pytest.mark.parametrize("unit", [1.0, 2.0, 3.0])
def test_letters_are_as_large_as_is_said(unit: float) -> None:
    picture = np.zeros((200, 600, 3), np.uint8)
    write(picture, "18:20", 50, 150, unit)
    rows, columns = np.nonzero(picture.max(axis=2) > 127)
    # The strokes' own width and soft rims; to the sides also the room that a letter brings along.
    slack = 2 * unit
    assert rows.max() == pytest.approx(150, abs=slack)
    assert rows.max() - rows.min() == pytest.approx(text_height(unit), abs=slack)
    assert columns.min() == pytest.approx(50, abs=2 * slack)
    assert columns.max() - columns.min() == pytest.approx(text_width("18:20", unit), abs=6 * unit)


def test_a_capital_is_a_thirtieth_of_the_picture() -> None:
    assert text_height(unit_of(720, 1280)) == 720 / 30


def test_white_is_readable_on_a_plate_before_a_white_sky() -> None:
    picture = np.full((50, 60, 3), 255, np.uint8)
    draw_backdrop(picture, Box(10, 20, 30, 15))
    assert (picture[20:35, 10:40] < 100).all()
    picture[20:35, 10:40] = 255
    assert (picture == 255).all()


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (Box(5, 5, 2, 2), True),
        (Box(0, 0, 30, 30), True),
        (Box(13, 5, 4, 4), True),
        (Box(14, 5, 4, 4), False),
        (Box(0, 5, 4, 4), False),
        (Box(5, 0, 4, 4), False),
        (Box(5, 14, 4, 4), False),
    ],
)
def test_boxes_that_share_a_pixel_overlap(other: Box, overlap: bool) -> None:
    box = Box(4, 4, 10, 10)
    assert box.overlaps(other) == other.overlaps(box) == overlap
