# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.adaptation.guard import MarkFigures, MarkRefused, check_mark, mark_figures
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector

HARMLESS = MarkFigures(
    pixels=100, road_share=0.01, standing_share=0.0, peak=1.5, calibrated_peak=2.0
)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", height=72, width=128)
    return Detector(load_bundle(folder), provider="cpu")


def box_mask(x, y, width, height):
    mask = np.zeros((180, 320), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def test_a_harmless_mark_passes():
    check_mark(HARMLESS)
    check_mark(replace(HARMLESS, standing_share=None))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"road_share": 0.11}, "covers 11% of the drivable area; at most 10%"),
        ({"standing_share": 0.06}, "6% of a marked region is surrounded by road"),
        ({"peak": 2.1}, "reaches 2.10 alarm lines, and the highest .* is 2.00"),
    ],
)
def test_what_would_blind_is_refused_with_the_figure(change, words):
    with pytest.raises(MarkRefused, match=words):
        check_mark(replace(HARMLESS, **change))


def test_a_table_that_ends_at_the_alarm_line_says_nothing_about_alarms():
    check_mark(replace(HARMLESS, peak=50.0, calibrated_peak=1.0))


def test_a_thing_on_the_road_is_a_hole_in_it_and_one_beside_it_is_not(detector):
    on_road = detector.detect(street_frame(180, 320, box=(150, 120, 20, 16)))
    beside = detector.detect(street_frame(180, 320, box=(4, 100, 40, 30)))
    stands = mark_figures(box_mask(150, 120, 20, 16), on_road, detector.bundle)
    assert stands.standing_share is not None and stands.standing_share > 0.5
    assert stands.road_share > 0
    off = mark_figures(box_mask(4, 100, 40, 30), beside, detector.bundle)
    assert (off.standing_share, off.road_share) == (0.0, 0.0)


def test_the_worst_of_several_regions_counts(detector):
    frame = street_frame(180, 320, box=(150, 120, 20, 16))
    mask = box_mask(150, 120, 20, 16) | box_mask(0, 100, 60, 60)
    figures = mark_figures(mask, detector.detect(frame), detector.bundle)
    assert figures.standing_share is not None and figures.standing_share > 0.5


def test_the_score_counts_in_regions_that_reach_into_the_drivable_area(detector):
    box = (150, 120, 20, 16)
    detection = detector.detect(street_frame(180, 320, box=box))
    on_road = mark_figures(box_mask(*box), detection, detector.bundle)
    assert on_road.peak == detection.score[box_mask(*box)].max() > 0
    sky = box_mask(10, 5, 20, 10)
    assert detection.score[sky].max() > 0
    assert mark_figures(sky, detection, detector.bundle).peak == 0.0
    both = mark_figures(box_mask(*box) | sky, detection, detector.bundle)
    assert both.peak == on_road.peak


def test_without_a_road_nothing_can_be_judged(detector):
    sky = np.full((180, 320, 3), (230, 170, 120), np.uint8)
    with pytest.raises(MarkRefused, match="no road is recognised"):
        mark_figures(box_mask(10, 10, 20, 20), detector.detect(sky), detector.bundle)
