# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import itertools

import numpy as np
import pytest

from cosme_ros.postprocessing.obstacles import Obstacle, find_obstacles, outlines


def found(rows: list[str]):
    """Mask and obstacles of a drawing; a digit is the score of its pixel in tenths and 1."""
    score = np.array([[0.0 if c == "." else 1 + int(c) / 10 for c in row] for row in rows])
    return find_obstacles(score.astype(np.float32), region=None, minimum_area=1)


def filled(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels in or on a polygon, by the crossing of a ray: slow, and nothing of OpenCV."""
    inside = np.zeros(shape, bool)
    for y in range(shape[0]):
        for x in range(shape[1]):
            crossings = 0
            for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
                cross = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
                between = min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1)
                if cross == 0 and between:
                    crossings = 1
                    break
                if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                    crossings += 1
            inside[y, x] = crossings % 2
    return inside


def test_a_line_encloses_its_obstacle_and_no_other() -> None:
    mask, obstacles = found(
        [
            "............",
            ".5555...9...",
            ".5555...99..",
            ".55.....99..",
            ".55.........",
            ".55......7..",
        ]
    )
    lines = outlines(mask, obstacles)
    assert [o.peak_score for o in obstacles] == pytest.approx([1.9, 1.7, 1.5])
    for obstacle, line in zip(obstacles, lines, strict=True):
        assert line.dtype == np.int32
        rows = slice(obstacle.y, obstacle.y + obstacle.height)
        own = np.zeros(mask.shape, bool)
        own[rows, obstacle.x : obstacle.x + obstacle.width] = True
        inside = filled(line, mask.shape)
        wanted = (mask > 0) & own
        # Half a pixel off at most: corners cut, and corners filled, but nothing a pixel deep.
        assert (inside & wanted).sum() >= wanted.sum() - 1
        assert not (inside & ~own).any()


def test_an_obstacle_in_the_hole_of_another_has_a_line_and_the_hole_has_none() -> None:
    mask, obstacles = found(
        [
            "5555555555",
            "5........5",
            "5...99...5",
            "5...99...5",
            "5........5",
            "5555555555",
        ]
    )
    inner, outer = outlines(mask, obstacles)
    assert sorted(map(tuple, inner.tolist())) == [(4, 2), (4, 3), (5, 2), (5, 3)]
    assert sorted(map(tuple, outer.tolist())) == [(0, 0), (0, 5), (9, 0), (9, 5)]


def test_every_obstacle_of_a_noisy_mask_has_its_line() -> None:
    random = np.random.default_rng(3)
    for share in (0.1, 0.3, 0.5, 0.7):
        score = (random.random((60, 80)) < share).astype(np.float32) * 1.5
        mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
        for obstacle, line in zip(obstacles, outlines(mask, obstacles), strict=True):
            assert (mask[line[:, 1], line[:, 0]] == 255).all()
            far = line.max(axis=0) - (obstacle.x, obstacle.y)
            assert np.abs(far - (obstacle.width - 1, obstacle.height - 1)).max() <= 1


def test_a_long_straight_rim_has_few_points() -> None:
    score = np.zeros((200, 300), np.float32)
    score[50:150, 60:260] = 2.0
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    (line,) = outlines(mask, obstacles)
    assert len(line) == 4


def test_a_large_curved_rim_is_followed_to_a_pixel_by_few_points() -> None:
    y, x = np.mgrid[:200, :300]
    score = ((x - 150) ** 2 + (y - 100) ** 2 <= 80**2).astype(np.float32) * 1.5
    mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
    (line,) = outlines(mask, obstacles)
    assert len(line) < 60  # of about 450 pixels along the rim
    corners = np.vstack([line, line[:1]])
    for start, end in itertools.pairwise(corners):
        along = start + np.linspace(0, 1, 20)[:, None] * (end - start)
        radius = np.hypot(*(along - (150, 100)).T)
        # The rim's own pixels lie up to 1 inside the circle, and the line up to 1 off them.
        assert radius.min() >= 78
        assert radius.max() <= 81


def test_nothing_has_no_outline() -> None:
    assert outlines(np.zeros((4, 4), np.uint8), ()) == ()


def test_a_mask_of_other_obstacles_is_refused() -> None:
    obstacle = Obstacle(1, 1, 2, 2, 4, 1.5)
    with pytest.raises(ValueError, match=r"nothing that fills the box of Obstacle\(x=1"):
        outlines(np.zeros((4, 4), np.uint8), (obstacle,))
