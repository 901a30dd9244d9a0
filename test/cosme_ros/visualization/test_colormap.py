# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from cosme_ros.visualization.colormap import ALARM_COLOUR, draw_scale, mapped


def test_colours_are_matplotlibs_inferno() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    score = np.linspace(0, 2, 256, dtype=np.float32)[np.newaxis]
    rgb = np.array(matplotlib.colormaps["inferno"](np.arange(256)))[:, :3] * 255
    # OpenCV and Matplotlib each round the published table of 256 to whole numbers.
    assert np.abs(mapped(score)[0, :, ::-1] - rgb).max() <= 1


def scale(height: int, width: int, unit: float):
    picture = np.full((height, width, 3), 90, np.uint8)
    taken = draw_scale(picture, unit)
    return picture, taken


@pytest.mark.parametrize("unit", [1.0, 2.0])
def test_the_scale_shows_each_colour_where_its_score_is(unit: float) -> None:
    picture, (box,) = scale(360, 640, unit)
    row = picture[box.top + round(9 * unit), box.left : box.left + box.width]
    (alarm,) = {round(np.flatnonzero((row == ALARM_COLOUR).all(axis=1)).mean())}
    margin = round(5 * unit)
    half = alarm - margin
    for share in (0.2, 0.5, 0.9):
        above = mapped(np.array([[1 + share]], np.float32))[0, 0].astype(int)
        assert np.abs(row[alarm + round(share * half)] - above).max() <= 12
        below = mapped(np.array([[share]], np.float32))[0, 0].astype(int)
        assert np.abs(row[margin + round(share * half)] - below).max() > 12, "not coloured"


def test_it_says_what_it_took_and_changes_nothing_else() -> None:
    picture, (box,) = scale(360, 640, 1.0)
    rows, columns = np.nonzero((picture != 90).any(axis=2))
    assert (columns.min(), rows.min()) == (box.left, box.top)
    assert columns.max() < box.left + box.width <= 640
    assert rows.max() < box.top + box.height <= 360
    assert box.left > 320
    assert box.top + box.height < 90


def test_a_thumbnail_has_no_room_for_it() -> None:
    picture, taken = scale(48, 64, 0.6)
    assert taken == []
    assert (picture == 90).all()


def test_the_alarm_colour_is_no_colour_of_the_map() -> None:
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_INFERNO)[0]
    assert np.abs(colours.astype(int) - ALARM_COLOUR).max(axis=1).min() > 80


def test_colours_grow_lighter_and_are_clamped_at_twice_the_alarm_line() -> None:
    ramp = np.linspace(0, 3, 3000, dtype=np.float32)[None]
    colours = mapped(ramp)
    lightness = cv2.cvtColor(colours, cv2.COLOR_BGR2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -2).all()
    assert lightness[0] < 5 and lightness[2100] > 240
    assert (colours[0, 2010:] == colours[0, 2500]).all()
