# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What can be said of a picture without eyes."""

import cv2
import numpy as np
import pytest

from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.visualization.overlay import draw_overlay

CYAN = (255, 255, 0)


def frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(60, 200, (height, width, 3)).astype(np.uint8)


def overlay(score: np.ndarray, *, minimum_area: int = 1, **texts) -> np.ndarray:
    """On a frame that is 100 everywhere: 80 where nothing is drawn."""
    image = np.full((*score.shape, 3), 100, np.uint8)
    mask, obstacles = find_obstacles(score, region=None, minimum_area=minimum_area)
    return draw_overlay(image, score, obstacles, mask, **texts)


def score_map(height: int = 360, width: int = 640, **boxes: tuple[int, int, int, int, float]):
    score = np.zeros((height, width), np.float32)
    for x, y, w, h, value in boxes.values():
        score[y : y + h, x : x + w] = value
    return score


def is_cyan(picture: np.ndarray) -> np.ndarray:
    return (picture == CYAN).all(axis=-1)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (1024, 2048), (48, 64), (1, 1)])
def test_below_the_alarm_line_the_frame_is_seen_in_grey(height: int, width: int) -> None:
    image = frame(height, width)
    before = image.copy()
    score = np.full((height, width), 0.99, np.float32)
    mask = np.zeros((height, width), np.uint8)
    picture = draw_overlay(image, score, (), mask)
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    assert np.array_equal(image, before)
    # Rec. 601 luma, dimmed to 0.8; two roundings of half a level, and the weights' own.
    grey = 0.8 * (image @ [0.114, 0.587, 0.299])
    lower = np.s_[height // 2 :]
    assert np.abs(picture[lower].astype(float) - grey[lower][..., None]).max() <= 1.5


def test_anomalous_pixels_are_coloured_and_their_neighbours_are_not() -> None:
    score = score_map(box=(200, 200, 60, 50, 1.0))
    score[200:250, 200:260] = np.linspace(1, 3, 60)
    picture = overlay(score, minimum_area=10**6)  # anomalous, but no obstacle: no outline
    changed = (picture != 80).any(axis=2)
    assert changed[200:250, 200:260].all()
    assert not changed[100:][score[100:] == 0].any()
    red_over_blue = picture[..., 2].astype(int) - picture[..., 0]
    assert (red_over_blue[200:250, 200:260] > 20).all()


def test_obstacles_are_outlined_along_their_shape() -> None:
    score = score_map(upright=(200, 150, 20, 100, 1.5), lying=(200, 230, 120, 20, 1.5))
    cyan = is_cyan(overlay(score))
    assert cyan[152:248, 200].all(), "the left rim"
    assert cyan[249, 202:318].all(), "the lower rim"
    assert cyan[230, 222:318].all(), "the rim inside the corner of the L"
    assert not cyan[160:220, 225:330].any(), "the box's empty corner"


def test_too_small_and_withheld_obstacles_have_neither_outline_nor_label() -> None:
    score = score_map(box=(200, 200, 10, 10, 1.5))
    legend = np.s_[:60]
    for picture in (
        overlay(score, minimum_area=101),
        draw_overlay(np.full((360, 640, 3), 100, np.uint8), score, (), None),
    ):
        picture[legend] = 0
        assert not is_cyan(picture).any()
        assert (picture[205, 205] != 80).any()


def letters(picture: np.ndarray, left: int, top: int, width: int, height: int) -> int:
    """Dark pixels in a part that is otherwise cyan."""
    part = picture[top : top + height, left : left + width]
    return int((part.astype(int).max(axis=2) < 100).sum())


def test_the_peak_score_stands_above_its_obstacle() -> None:
    picture = overlay(score_map(box=(300, 200, 60, 50, 1.5)))
    draw_backdrop = is_cyan(picture)[170:197]
    assert draw_backdrop.sum() > 300
    columns = np.flatnonzero(draw_backdrop.any(axis=0))
    assert columns.mean() == pytest.approx(329.5, abs=1)
    assert letters(picture, columns[0], 176, len(columns), 18) > 20
    other = overlay(score_map(box=(300, 200, 60, 50, 1.8)))
    assert (picture[170:197] != other[170:197]).any(), "another peak is written otherwise"


@pytest.mark.parametrize(("x", "y"), [(0, 80), (600, 80), (0, 320), (600, 320), (300, 0)])
def test_a_label_is_seen_whole_wherever_the_obstacle_is(x: int, y: int) -> None:
    texts = {"provider": "cpu"}
    picture = overlay(score_map(box=(x, y, 40, 40, 1.5)), **texts)
    middle = overlay(score_map(box=(300, 200, 40, 40, 1.5)), **texts)
    nothing = overlay(score_map(), **texts)

    def plate_pixels(with_label: np.ndarray) -> int:
        # A cyan row longer than any other line here is a plate's: its first and last rows.
        new = is_cyan(with_label) & ~is_cyan(nothing)
        return int(new.sum())

    # Outlines at the rim lose what lies outside; the plate, about 500 pixels, must not be lost.
    assert plate_pixels(picture) > 0.85 * plate_pixels(middle)


def test_where_two_labels_would_cover_each_other_the_higher_peak_keeps_its_own() -> None:
    low = (300, 200, 12, 12, 1.2)
    high = (316, 200, 12, 12, 1.9)
    both = overlay(score_map(low=low, high=high))
    alone = overlay(score_map(high=high))
    above = np.s_[170:197]
    np.testing.assert_array_equal(both[above], alone[above])


def test_status_tells_what_there_is_and_covers_no_road() -> None:
    boxes = {"one": (100, 300, 20, 20, 1.5), "other": (500, 300, 20, 20, 1.5)}
    statuses = [
        ({}, {}),
        ({"one": boxes["one"]}, {}),
        (boxes, {}),
        (boxes, {"frame_rate": 9.8}),
        (boxes, {"frame_rate": 9.9}),
        (boxes, {"frame_rate": 9.8, "provider": "cpu"}),
    ]
    pictures = [overlay(score_map(**shown), **texts) for shown, texts in statuses]
    for index, picture in enumerate(pictures):
        assert (picture[:80, :300] != 80).any()
        assert (picture[80:260] == 80).all()
        assert all(not np.array_equal(picture[:80], other[:80]) for other in pictures[:index])


def test_a_withheld_mask_is_not_shown_as_a_clear_road() -> None:
    image = np.full((360, 640, 3), 100, np.uint8)
    score = score_map()
    clear = draw_overlay(image, score, (), np.zeros((360, 640), np.uint8))
    unknown = draw_overlay(image, score, (), None)
    amber = (0, 190, 255)
    assert (unknown[:60, :300] == amber).all(axis=2).sum() > 500
    assert not (clear == amber).all(axis=2).any()


def test_size_of_the_drawing_grows_with_the_picture() -> None:
    shares = []
    for height, width in ((360, 640), (1080, 1920)):
        picture = overlay(score_map(height, width), provider="cpu")
        drawn = (picture[: height // 4] != 80).any(axis=2)
        shares.append((drawn[:, : width // 2].mean(), drawn[:, width // 2 :].mean()))
    assert min(shares[0]) > 0.05
    assert shares[1] == pytest.approx(shares[0], rel=0.15)


def test_alarms_stand_out_for_those_who_see_no_red_or_green() -> None:
    """Machado, Oliveira and Fernandes 2009, deuteranopia of severity 1.0, on linear RGB."""
    deuteranopia = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    )

    def seen(bgr: np.ndarray) -> np.ndarray:
        rgb = (bgr[..., ::-1] / 255.0) ** 2.2 @ deuteranopia.T
        as_8_bits = (255 * np.clip(rgb, 0, 1) ** (1 / 2.2)).astype(np.uint8)
        return cv2.cvtColor(as_8_bits, cv2.COLOR_RGB2LAB).astype(float)

    for brightness in (20, 100, 180, 250):
        image = np.full((360, 640, 3), brightness, np.uint8)
        score = score_map(alarm=(100, 150, 60, 60, 1.0), strong=(300, 150, 60, 60, 2.0))
        mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
        picture = seen(draw_overlay(image, score, obstacles, mask))
        frame_colour = picture[340, 500]
        for x in (100, 300):
            inside, rim = picture[180, x + 30], picture[180, x]
            # A just noticeable difference is about 2.3 in CIELAB (here 0..255); this is a glance.
            assert np.linalg.norm(inside - frame_colour) > 25, (brightness, x)
            assert np.linalg.norm(rim - inside) > 25, (brightness, x)


def test_maps_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"score is \[4, 5\]; the image's \[5, 4\] is right"):
        draw_overlay(frame(5, 4), np.zeros((4, 5), np.float32), (), None)
