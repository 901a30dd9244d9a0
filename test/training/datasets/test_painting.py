# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Things painted into frames: what they are made of, where they stand, and what is marked."""

import cv2
import numpy as np
import pytest

from training.datasets.painting import (
    ANOMALY,
    Place,
    Thing,
    choose_places,
    drawn_thing,
    other_light,
    paint,
    piece_of_frame,
    to_bytes,
)

HEIGHT, WIDTH, HORIZON = 180, 320, 80
SCALE = 40.0


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def donor() -> np.ndarray:
    return rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_places_are_on_the_road_and_the_farthest_is_first() -> None:
    road = np.zeros((HEIGHT, WIDTH), bool)
    road[HORIZON:, 100:200] = True
    for seed in range(20):
        places = choose_places(road, rng(seed))
        assert 1 <= len(places) <= 3
        assert all(road[place.row, place.column] for place in places)
        assert [p.row for p in places] == sorted(p.row for p in places)
        assert [p.scale for p in places] == sorted(p.scale for p in places)


def test_no_road_has_no_place() -> None:
    assert choose_places(np.zeros((HEIGHT, WIDTH), bool), rng()) == []


@pytest.mark.parametrize("seed", range(12))
def test_a_piece_is_one_smooth_shape_of_its_width(seed: int) -> None:
    thing = piece_of_frame(donor(), SCALE, rng(seed))
    height, width = thing.bgra.shape[:2]
    assert width == pytest.approx(thing.width * SCALE, abs=1)
    assert 0.5 < height / width < 2.0
    coverage = (thing.bgra[..., 3] > 127).astype(np.uint8)
    (outline,), _ = cv2.findContours(coverage, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert 0.3 < coverage.mean() < 0.95
    # A circle has 1; a star with deep clefts far less.
    area, length = cv2.contourArea(outline), cv2.arcLength(outline, True)
    assert 4 * np.pi * area / length**2 > 0.3


def test_a_piece_has_other_colours_than_where_it_comes_from() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    colours = [
        piece_of_frame(grey, SCALE, rng(seed)).bgra[..., :3].mean((0, 1)) for seed in range(8)
    ]
    assert np.std(colours, axis=0).min() > 10


def test_a_piece_fits_where_the_frame_is_hardly_larger_than_it() -> None:
    for seed in range(10):
        thing = piece_of_frame(donor()[:12, :9], SCALE, rng(seed))
        assert np.isfinite(thing.bgra).all()


def test_paint_marks_what_it_covers_and_cuts_at_the_edge() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 100, np.float32)
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    thing = Thing(np.full((30, 20, 4), 255, np.float32), 0.5, mirrored=False)
    paint(picture, label, Place(100, 2, SCALE), thing, rng())
    rows, columns = np.nonzero(label == ANOMALY)
    assert (rows.min(), rows.max()) == (71, 100)
    assert (columns.min(), columns.max()) == (0, 11)
    assert picture[80, 5].min() > 110


def test_a_thing_outside_of_the_picture_changes_nothing() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 100, np.float32)
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    thing = Thing(np.full((30, 20, 4), 255, np.float32), 0.5, mirrored=False)
    paint(picture, label, Place(-20, 2, SCALE), thing, rng())
    assert not label.any()
    assert (picture == 100).all()


def test_chance_is_the_generators_alone() -> None:
    for make in (lambda r: drawn_thing(SCALE, r), lambda r: piece_of_frame(donor(), SCALE, r)):
        first, again, other = make(rng(3)), make(rng(3)), make(rng(4))
        np.testing.assert_array_equal(first.bgra, again.bgra)
        assert first.bgra.shape != other.bgra.shape or (first.bgra != other.bgra).any()


def test_other_light_keeps_shapes() -> None:
    frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    frame[:, WIDTH // 2 :] = 180
    for seed in range(10):
        changed = other_light(frame, rng(seed)).astype(int)
        assert changed.shape == frame.shape
        assert changed[:, -50:].mean() > changed[:, :50].mean() + 20


def test_bytes_are_rounded_and_bounded() -> None:
    values = np.array([[[-3.0, 1.4, 1.6]], [[254.9, 256.0, 0.0]]], np.float32)
    assert to_bytes(values).tolist() == [[[0, 1, 2]], [[255, 255, 0]]]
