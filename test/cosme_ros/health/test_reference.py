# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From normal frames to a manifest's record, and from there to how far a frame is off."""

import numpy as np
import pytest

from cosme_ros.health.measures import MEASURES
from cosme_ros.health.reference import (
    FEWEST_FRAMES,
    HealthReference,
    health_reference,
    reference_record,
)

COUNT = len(MEASURES)
BOTH = [m.name for m in MEASURES].index("brightness")
ONLY_HIGH = [m.name for m in MEASURES].index("memory distance")
FRAMES = [np.full(COUNT, 100.0 + 10 * number) for number in range(101)]


def reference():
    record = reference_record(FRAMES)
    assert record is not None and record["frames"] == 101
    return HealthReference(record)


def at(value):
    return reference().excess(np.full(COUNT, float(value)))


def test_within_calibration_nothing_is_off():
    for value in (110, 600, 1090):
        assert not at(value).any()


def test_excess_is_in_distances_from_the_middle_to_the_end():
    """The middle is 600, the ends are 110 and 1090: 490 away."""
    assert at(1090 + 490)[BOTH] == pytest.approx(1.0)
    assert at(110 - 245)[BOTH] == pytest.approx(-0.5)


def test_a_direction_that_means_nothing_wrong_is_not_counted():
    assert at(-10_000)[ONLY_HIGH] == 0
    assert at(10_000)[ONLY_HIGH] > 1


def test_frames_that_were_all_alike_do_not_make_rounding_a_change():
    record = reference_record([np.ones(COUNT)] * FEWEST_FRAMES)
    assert record is not None
    off = HealthReference(record).excess(np.full(COUNT, 1.0 + 1e-6))
    assert np.abs(off).max() < 1e-4


def test_too_few_frames_are_no_reference():
    assert reference_record(FRAMES[: FEWEST_FRAMES - 1]) is None


def test_a_measure_is_of_the_frames_that_have_it():
    partly = [frame.copy() for frame in FRAMES]
    for frame in partly[50:]:
        frame[ONLY_HIGH] = np.nan
    record = reference_record(partly)
    assert record is not None and record["frames"] == 50
    off = HealthReference(record).excess(np.full(COUNT, 1000.0))
    assert off[BOTH] == 0
    assert off[ONLY_HIGH] > 1
    assert reference_record(partly[31:]) is None  # 19 frames have all measures


def test_a_bundle_without_the_record_has_none():
    assert health_reference({"frames": 1}) is None


def test_measures_of_another_version_are_left_out():
    record = reference_record(FRAMES)
    assert record is not None
    name = MEASURES[BOTH].name
    known = {"frames": 9, "measures": {name: record["measures"][name], "later": {}}}
    off = HealthReference(known).excess(np.full(COUNT, 1e6))
    assert np.flatnonzero(off).tolist() == [BOTH]
