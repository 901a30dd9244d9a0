"""What can be said of a picture without eyes."""

import cv2
import numpy as np
import pytest

from cosme_ros.obstacles import Obstacle, find_obstacles
from cosme_ros.overlay import draw_overlay, score_colour

CYAN = (255, 255, 0)


def frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(60, 200, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (1024, 2048), (48, 64), (1, 1)])
def test_below_the_alarm_line_the_frame_is_seen_in_grey(height: int, width: int) -> None:
    image = frame(height, width)
    before = image.copy()
    score = np.full((height, width), 0.99, np.float32)
    picture = draw_overlay(image, score, (), caption="")
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    assert np.array_equal(image, before)
    upper = picture[: height // 2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[: height // 2]
    assert np.array_equal(upper, np.repeat(grey[..., None], 3, axis=2))


def test_anomalous_pixels_are_coloured_and_their_neighbours_are_not() -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    score = np.zeros((360, 640), np.float32)
    score[100:150, 200:260] = np.linspace(1, 3, 60)
    picture = draw_overlay(image, score, (), caption="")
    changed = (picture != 90).any(axis=2)
    assert changed[100:150, 200:260].all()
    assert not changed[:300][score[:300] == 0].any()
    red_over_blue = picture[..., 2].astype(int) - picture[..., 0]
    assert (red_over_blue[100:150, 200:260] > 20).all()


def test_obstacles_are_boxed_with_their_peak() -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    score = np.zeros((360, 640), np.float32)
    score[100:150, 200:260] = 1.5
    _, obstacles = find_obstacles(score, region=None, minimum_area=1)
    picture = draw_overlay(image, score, obstacles, caption="")
    for rim in (picture[100, 200:260], picture[149, 200:260], picture[100:150, 200]):
        assert (rim == CYAN).all()
    above = picture[80:98, 195:240].astype(int)
    # Thin strokes are blended with their dark rim, so none of them is quite cyan.
    strokes = (above[..., 0] - above[..., 2]) > 60
    assert strokes.sum() > 20, "the peak score stands above the box"


@pytest.mark.parametrize(("x", "y"), [(0, 0), (630, 0), (0, 350), (630, 350)])
def test_a_label_at_the_border_is_moved_into_the_picture(x: int, y: int) -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    score = np.zeros((360, 640), np.float32)
    plain = draw_overlay(image, score, (), caption="")
    picture = draw_overlay(image, score, (Obstacle(x, y, 10, 10, 100, 12.3),), caption="")
    outside = np.ones((360, 640), bool)
    outside[y : y + 10, x : x + 10] = False
    assert ((picture != plain).any(axis=2) & outside).sum() > 100


def test_size_of_the_drawing_grows_with_the_picture() -> None:
    shares = []
    for height, width in ((360, 640), (1080, 1920)):
        image = np.full((height, width, 3), 90, np.uint8)
        score = np.zeros((height, width), np.float32)
        picture = draw_overlay(image, score, (), caption="9.8 frames/s  cpu")
        text = (picture[: height // 4, : width // 2] != 90).any(axis=2)
        scale = (picture[height * 3 // 4 :, width // 2 :] != 90).any(axis=2)
        assert text.any()
        assert scale.any()
        shares.append((text.mean(), scale.mean()))
    assert shares[1] == pytest.approx(shares[0], rel=0.35)


def test_colours_are_the_same_in_every_picture_and_rise_in_lightness() -> None:
    # Inside the line around an alarm, and clamped at 2.0.
    ramp = np.linspace(0, 3, 3000, dtype=np.float32)
    score = np.repeat(ramp[None], 9, axis=0)
    picture = score_colour(score)
    assert picture.shape == (9, 3000, 3)
    assert picture.dtype == np.uint8
    middle = picture[4]
    lightness = cv2.cvtColor(middle[None], cv2.COLOR_BGR2LAB)[0, :, 0].astype(int)
    at_line = int(np.argmax(ramp >= 1))
    smooth = np.delete(lightness, [at_line, -1, 2999])
    assert (np.diff(smooth) >= -2).all()
    assert lightness[0] < 5
    assert lightness[2100] > 240
    assert (middle[2010:2990] == middle[2500]).all()
    alone = score_colour(np.full((9, 9), ramp[1500], np.float32))
    assert (alone[4, 4] == middle[1500]).all()


def test_the_alarm_line_is_seen() -> None:
    score = np.zeros((40, 40), np.float32)
    score[10:20, 10:20] = 1.0
    score[30, 30] = 5.0
    cyan = (score_colour(score) == CYAN).all(axis=2)
    assert cyan[30, 30]
    assert cyan[10, 10:20].all()
    assert cyan[10:20, 19].all()
    assert not cyan[11:19, 11:19].any()
    assert not cyan[score < 1].any()


def test_maps_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"score is \[4, 5\]; the image's \[5, 4\] is right"):
        draw_overlay(frame(5, 4), np.zeros((4, 5), np.float32), (), caption="")
