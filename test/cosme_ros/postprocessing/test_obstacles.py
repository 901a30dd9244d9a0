# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles and the drivable region on maps made by hand."""

import numpy as np
import pytest

from cosme_ros.postprocessing.obstacles import Obstacle, drivable_region, find_obstacles

ROAD, PAVEMENT, THING, LANE = 1, 2, 3, 200


def scores(rows: list[str]) -> np.ndarray:
    """One digit a pixel, tenths of an alarm line times 5: '2' is 1.0, '1' is 0.5, '.' is 0."""
    return np.array([[0 if c == "." else int(c) / 2 for c in row] for row in rows], np.float32)


def test_components_have_box_area_and_peak() -> None:
    score = scores(
        [
            "..........",
            ".22.......",
            ".23....4..",
            "..2...44..",
            "..........",
            "....1.....",
        ]
    )
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    assert obstacles == (
        Obstacle(x=6, y=2, width=2, height=2, area=3, peak_score=2.0),
        Obstacle(x=1, y=1, width=2, height=3, area=5, peak_score=1.5),
    )
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, np.where(score >= 1, 255, 0))


def test_the_alarm_line_itself_is_an_alarm_and_below_it_is_none() -> None:
    score = np.full((3, 3), np.nextafter(np.float32(1), np.float32(0)), np.float32)
    assert find_obstacles(score, region=None, minimum_area=1)[1] == ()
    score[1, 1] = 1.0
    (obstacle,) = find_obstacles(score, region=None, minimum_area=1)[1]
    assert obstacle == Obstacle(x=1, y=1, width=1, height=1, area=1, peak_score=1.0)


def test_corners_connect() -> None:
    score = scores(["2....", ".2...", "..2..", ".....", "2...."])
    _, obstacles = find_obstacles(score, region=None, minimum_area=1)
    assert sorted(o.area for o in obstacles) == [1, 3]


def test_small_ones_are_dropped_from_list_and_mask() -> None:
    score = scores(["22..4", "22...", ".....", "3.222"])
    mask, obstacles = find_obstacles(score, region=None, minimum_area=3)
    assert [o.area for o in obstacles] == [4, 3]
    assert mask.tolist() == [
        [255, 255, 0, 0, 0],
        [255, 255, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 255, 255, 255],
    ]
    assert find_obstacles(score, region=None, minimum_area=0)[0].sum() == 9 * 255


def test_only_the_part_inside_the_region_counts() -> None:
    score = scores(["22222", "29222"])
    region = np.zeros((2, 5), bool)
    region[:, 2:4] = True
    mask, obstacles = find_obstacles(score, region=region, minimum_area=1)
    # The highest score lies outside, and is not this obstacle's.
    assert obstacles == (Obstacle(x=2, y=0, width=2, height=2, area=4, peak_score=1.0),)
    assert np.array_equal(mask > 0, region)
    assert region.sum() == 4, "the caller's region is not written to"


def test_a_peak_is_of_the_obstacle_and_not_of_its_box() -> None:
    score = scores(["2222", "2...", "2.99", "2.99"])
    _, obstacles = find_obstacles(score, region=None, minimum_area=5)
    assert obstacles == (Obstacle(x=0, y=0, width=4, height=4, area=7, peak_score=1.0),)


def test_nothing_above_the_line_is_nothing() -> None:
    mask, obstacles = find_obstacles(np.zeros((4, 5), np.float32), region=None, minimum_area=1)
    assert obstacles == ()
    assert mask.dtype == np.uint8
    assert mask.shape == (4, 5)
    assert not mask.any()


def test_everything_above_the_line_is_one() -> None:
    mask, obstacles = find_obstacles(np.full((4, 5), 7, np.float32), region=None, minimum_area=1)
    assert obstacles == (Obstacle(x=0, y=0, width=5, height=4, area=20, peak_score=7.0),)
    assert (mask == 255).all()


def test_many_components_against_a_flood_fill_by_hand() -> None:
    random = np.random.default_rng(5)
    score = random.gamma(2.0, 0.3, (40, 60)).astype(np.float32)
    region = random.random((40, 60)) < 0.9
    expected = []
    left = {(y, x) for y, x in np.argwhere((score >= 1) & region).tolist()}
    kept = np.zeros(score.shape, bool)
    while left:
        front = [left.pop()]
        pixels = []
        while front:
            y, x = front.pop()
            pixels.append((y, x))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    front.append(near)
        if len(pixels) >= 3:
            ys, xs = zip(*pixels, strict=True)
            kept[ys, xs] = True
            box = min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1
            expected.append(Obstacle(*box, len(pixels), max(float(score[p]) for p in pixels)))
    mask, obstacles = find_obstacles(score, region=region, minimum_area=3)
    assert len(expected) > 20
    assert np.array_equal(mask > 0, kept)
    assert list(obstacles) == sorted(expected, key=lambda o: -o.peak_score)


@pytest.mark.parametrize(
    ("score", "region", "area", "sentence"),
    [
        (np.zeros((4, 5)), None, 1, r"score is float64 \[4, 5\]"),
        (np.zeros((4, 5, 1), np.float32), None, 1, r"score is float32 \[4, 5, 1\]"),
        (np.full((4, 5), np.nan, np.float32), None, 1, "score holds NaN"),
        (np.full((4, 5), np.inf, np.float32), None, 1, "score holds NaN or infinity"),
        (np.zeros((4, 5), np.float32), None, -1, "minimum_area is -1"),
        (np.zeros((4, 5), np.float32), np.ones((5, 4), bool), 1, r"bool \[5, 4\]; bool \[4, 5\]"),
        (np.zeros((4, 5), np.float32), np.ones((4, 5), np.uint8), 1, "region is uint8"),
    ],
)
def test_what_is_no_score_map_is_refused(
    score: np.ndarray, region: np.ndarray | None, area: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        find_obstacles(score, region=region, minimum_area=area)


def street(height: int = 180, width: int = 320) -> np.ndarray:
    """Pavement left and right, sky above, a road of constant width down the middle."""
    classes = np.zeros((height, width), np.uint8)
    classes[height // 2 :] = PAVEMENT
    classes[height // 2 :, width // 4 : width * 3 // 4] = ROAD
    return classes


def test_a_hole_in_the_road_is_road() -> None:
    classes = street()
    plain = classes == ROAD
    classes[120:150, 120:190] = THING  # far wider than any bay that is closed
    region = drivable_region(classes, [ROAD])
    assert region.dtype == bool
    assert np.array_equal(region, plain)


def test_a_hole_open_to_the_bottom_edge_is_road() -> None:
    classes = street()
    plain = classes == ROAD
    classes[150:, 120:190] = THING
    assert np.array_equal(drivable_region(classes, [ROAD]), plain)


def test_what_is_beside_the_road_down_to_the_bottom_is_not_road() -> None:
    classes = street()
    region = drivable_region(classes, [ROAD])
    assert np.array_equal(region, classes == ROAD)


def test_a_narrow_bay_at_the_rim_is_road() -> None:
    classes = street()
    plain = classes == ROAD
    classes[120:130, 80:110] = THING  # 10 of 320 pixels across: under 1/20 of the width
    region = drivable_region(classes, [ROAD])
    # A disc cannot reach into the two corners at the bay's mouth.
    assert (plain & ~region).sum() <= 0.1 * 10 * 30
    assert not (region & ~plain).any()


def test_a_wide_bay_at_the_rim_is_not_road() -> None:
    classes = street()
    classes[110:160, 80:130] = THING
    region = drivable_region(classes, [ROAD])
    assert not region[125:145, 85:105].any()


def test_the_bay_that_is_closed_grows_with_the_image() -> None:
    for scale in (1, 2, 4):
        classes = np.kron(street(), np.ones((scale, scale), np.uint8))
        classes[120 * scale : 130 * scale, 80 * scale : 110 * scale] = THING
        region = drivable_region(classes, [ROAD])
        bay = region[120 * scale : 130 * scale, 80 * scale : 110 * scale]
        assert bay.mean() > 0.9


def test_road_stays_road_to_the_pixel_in_a_large_image() -> None:
    classes = np.zeros((1000, 2001), np.uint8)
    classes[500:] = ROAD
    classes[400:500:3, 100:1900:7] = ROAD
    classes[700:800, 900:1100] = THING
    region = drivable_region(classes, [ROAD])
    assert region[classes == ROAD].all()
    assert region[700:800, 900:1100].all()
    assert not region[:380].any()


def test_several_classes_are_drivable_together() -> None:
    classes = street()
    classes[:, 155:165][classes[:, 155:165] == ROAD] = LANE
    assert np.array_equal(
        drivable_region(classes, [ROAD, LANE]), (classes == ROAD) | (classes == LANE)
    )


def test_no_road_means_no_region() -> None:
    classes = street()
    for ids in ([THING], []):
        region = drivable_region(classes, ids)
        assert region.shape == classes.shape
        assert not region.any()


def test_road_everywhere() -> None:
    assert drivable_region(np.full((90, 160), ROAD, np.uint8), [ROAD]).all()


def test_one_pixel_of_road_stays_one() -> None:
    classes = np.zeros((90, 160), np.uint8)
    classes[40, 70] = ROAD
    assert np.argwhere(drivable_region(classes, [ROAD])).tolist() == [[40, 70]]


def test_an_image_of_one_pixel() -> None:
    assert drivable_region(np.full((1, 1), ROAD, np.uint8), [ROAD]).tolist() == [[True]]
    assert drivable_region(np.zeros((1, 1), np.uint8), [ROAD]).tolist() == [[False]]


def test_what_is_no_class_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"class_id is int64 \[4, 5\]; uint8 \[H, W\]"):
        drivable_region(np.zeros((4, 5), np.int64), [ROAD])


@pytest.mark.parametrize("box", [np.s_[60:130, :90], np.s_[60:130, 230:], np.s_[:70, 100:220]])
def test_what_leads_out_of_the_image_above_or_beside_is_not_a_hole(
    box: tuple[slice, slice],
) -> None:
    """A pavement in the corner of a junction, a sky between: the road is around, not through."""
    classes = np.full((180, 320), ROAD, np.uint8)
    classes[box] = PAVEMENT
    region = drivable_region(classes, [ROAD])
    assert not region[box][20:50, 30:60].any()


def test_a_corner_of_the_image_is_not_a_hole() -> None:
    classes = np.full((180, 320), ROAD, np.uint8)
    classes[100:, :100] = PAVEMENT
    assert not drivable_region(classes, [ROAD])[120:, :80].any()


def test_road_pixels_that_touch_by_corners_enclose_a_hole() -> None:
    # So small an image that no bay is closed: the ring itself has to hold.
    picture = ["..#..", ".#.#.", "#...#", ".#.#.", "..#.."]
    classes = np.array([[ROAD if c == "#" else PAVEMENT for c in row] for row in picture], np.uint8)
    expected = [[c == "#" for c in row] for row in picture]
    expected[1][2] = expected[2][1] = expected[2][2] = expected[2][3] = expected[3][2] = True
    assert drivable_region(classes, [ROAD]).tolist() == expected
