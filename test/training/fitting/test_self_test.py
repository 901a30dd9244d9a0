# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a self-test paints, and its figures against plain arithmetic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from helpers.tiny_bundle import street_frame, write_tiny_bundle
from sklearn.metrics import average_precision_score

from cosme_ros.postprocessing.static_mask import StaticMask
from training.datasets.normal_frames import FitFrames
from training.fitting.self_test import (
    DRAWN,
    KINDS,
    PIECE,
    SMALL_PIXELS,
    PaintedPicture,
    ScoredPicture,
    SelfTestFigures,
    alarm_line,
    paint_picture,
    picture_frames,
    score_things,
    scored_pictures,
    standing_ground,
)

SIZE = (64, 96)


class Streets:
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> np.ndarray:
        return street_frame(*SIZE, seed=index)


def frames() -> FitFrames:
    return FitFrames(Streets(), np.arange(5), SIZE)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("self_test") / "tiny")


def test_alarm_line_is_the_nodes_or_the_nearest_that_was_calibrated() -> None:
    rows = [
        {"false_positive_rate": 0.1, "raw_score": 2.0},
        {"false_positive_rate": 0.01, "raw_score": 3.0},
        {"false_positive_rate": 0.001, "raw_score": 4.0},
    ]
    assert alarm_line({"calibration": {"table": rows}}) == pytest.approx((0.001, 4.0))
    assert alarm_line({"calibration": {"table": rows[:2]}}) == pytest.approx((0.01, 3.0))


def test_frames_are_spread_evenly_or_used_again() -> None:
    assert picture_frames(7, 4) == [0, 2, 4, 6]
    assert picture_frames(2, 5) == [0, 1, 0, 1, 0]


def test_things_stand_on_the_drivable_places_or_in_the_lower_middle() -> None:
    drivable = np.zeros((4, 6), bool)
    drivable[2:, 1:3] = True
    road = standing_ground(drivable, (8, 12))
    np.testing.assert_array_equal(road, np.kron(drivable, np.ones((2, 2))).astype(bool))
    middle = standing_ground(np.zeros((4, 6), bool), (10, 10))
    rows, columns = np.nonzero(middle)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 2, 7)


def test_both_kinds_of_things_are_painted_and_only_they_are_marked() -> None:
    kinds, image = set(), np.full((180, 320, 3), 120, np.uint8)
    road = np.zeros((180, 320), bool)
    road[80:] = True
    donor = np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)
    for seed in range(8):
        painted = paint_picture(image, road, donor, np.random.default_rng(seed))
        assert set(np.unique(painted.thing)) <= set(range(len(painted.kinds) + 1))
        kinds |= set(painted.kinds)
        changed = np.abs(painted.image.astype(int) - 120).max(axis=2)
        assert np.median(changed[painted.thing > 0]) > 10
        # The sky above what may stand there.
        assert not changed[:10].any()
    assert kinds == set(KINDS)


def picture(score: np.ndarray) -> ScoredPicture:
    """Three things of 400, 1200 and 10 pixels; the last is hidden by the second."""
    thing = np.zeros((60, 80), np.uint8)
    thing[:20, :20], thing[20:60, 30:60], thing[59, 30:40] = 1, 2, 3
    painted = PaintedPicture(np.zeros((60, 80, 3), np.uint8), thing, (DRAWN, PIECE, DRAWN))
    return ScoredPicture(painted, score, score_things(painted, score), 0.25, score / 2)


def test_a_thing_is_found_where_half_of_it_raises_an_alarm() -> None:
    score = np.zeros((60, 80), np.float32)
    score[:10, :20] = 1.0
    score[20:39, 30:60] = 3.0
    first, second = picture(score).things
    assert (first.kind, first.pixels, first.share, first.found) == (DRAWN, 400, 0.5, True)
    assert (first.size, second.size) == ("small", "large")
    assert first.pixels < SMALL_PIXELS <= second.pixels
    assert (second.pixels, second.found) == (1190, False)


def test_figures_are_those_of_pooled_pixels() -> None:
    scores = [np.random.default_rng(i).random((60, 80), np.float32) * 1.4 for i in range(3)]
    for score in scores:
        score[20:60, 30:60] += 0.3
    figures = SelfTestFigures(0.01)
    pictures = [picture(score) for score in scores]
    for each in pictures:
        figures.add(each)
    found = figures.result()
    assert (found.pictures, found.false_positive_rate, found.road_share) == (3, 0.01, 0.25)
    assert (found.all.things, found.small.things, found.large.things) == (6, 3, 3)
    assert found.kinds[DRAWN].things == found.kinds[PIECE].things == 3
    thing = np.stack([p.painted.thing for p in pictures])
    pooled = np.stack(scores)

    def wanted(numbers: tuple[int, ...]) -> float:
        # Things that are not meant, and what is hidden, are not judged.
        judged = (thing == 0) | np.isin(thing, numbers)
        return float(average_precision_score(thing[judged] > 0, pooled[judged]))

    assert found.all.average_precision == pytest.approx(wanted((1, 2)))
    assert found.small.average_precision == pytest.approx(wanted((1,)))
    assert found.kinds[PIECE].average_precision == pytest.approx(wanted((2,)))
    assert found.all.found == pytest.approx(np.mean([t.found for p in pictures for t in p.things]))
    assert found.other_light.average_precision == pytest.approx(wanted((1, 2)))
    assert found.other_light.found <= found.all.found


def test_nothing_painted_has_no_figures() -> None:
    blank = PaintedPicture(np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8), ())
    score = np.ones((60, 80), np.float32)
    figures = SelfTestFigures(0.01)
    figures.add(ScoredPicture(blank, score, (), 0.0, score))
    assert figures.result().all.things == 0
    assert figures.result().all.average_precision is None


def test_a_bundles_graphs_are_what_is_judged_and_the_seed_decides(bundle: Path) -> None:
    first, again, other = (
        list(scored_pictures(bundle, frames(), seed, most_pictures=4)) for seed in (0, 0, 1)
    )
    assert len(first) == 4
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.painted.image, two.painted.image)
        np.testing.assert_array_equal(one.score, two.score)
    assert any(
        (a.painted.image != b.painted.image).any() for a, b in zip(first, other, strict=True)
    )
    assert all(p.score.shape == SIZE and p.other_light.shape == SIZE for p in first)


def test_what_a_static_mask_hides_is_neither_painted_nor_judged(bundle: Path) -> None:
    looked_at: np.ndarray = np.ones(SIZE, bool)
    looked_at[:, 48:] = False
    masked = FitFrames(Streets(), np.arange(5), SIZE, static_mask=StaticMask(looked_at))
    pictures = list(scored_pictures(bundle, masked, 0, most_pictures=6))
    assert any(p.things for p in pictures)
    for p in pictures:
        assert not p.painted.thing[~looked_at].any()
        assert not p.score[~looked_at].any() and not p.other_light[~looked_at].any()
    wrong = replace(pictures[0], score=np.where(looked_at, pictures[0].score, np.float32(9)))
    figures = []
    for first in (pictures[0], wrong):
        collected = SelfTestFigures(0.01)
        for p in (first, *pictures[1:]):
            collected.add(p)
        figures.append(collected.result())
    assert figures[0] == figures[1], "what is hidden is no false alarm"
