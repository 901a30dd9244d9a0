# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Hysteresis: one odd frame changes nothing, a condition does, and its end ends it."""

import numpy as np
import pytest

from cosme_ros.health.measures import MEASURES
from cosme_ros.health.reference import HealthReference
from cosme_ros.health.state import (
    DEGRADED_LIMIT,
    LEAVING,
    LONGEST_GAP,
    OUT_OF_DOMAIN_LIMIT,
    HealthState,
    HealthTracker,
    next_state,
)

IN, DEGRADED, OUT = HealthState.IN_DOMAIN, HealthState.DEGRADED, HealthState.OUT_OF_DOMAIN
REFERENCE = HealthReference(
    {
        "frames": 100,
        "measures": {m.name: {"low": -10.0, "middle": 0.0, "high": 10.0} for m in MEASURES},
    }
)
BRIGHTNESS = [m.name for m in MEASURES].index("brightness")


def frame(excess=0.0):
    values = np.zeros(len(MEASURES))
    values[BRIGHTNESS] = np.sign(excess) * (10.0 + 10.0 * abs(excess)) if excess else 0.0
    return values


class Drive:
    """Ten frames a second."""

    def __init__(self):
        self.tracker = HealthTracker(REFERENCE)
        self.stamp = 0

    def go(self, seconds, excess=0.0):
        states = []
        for _ in range(round(seconds * 10)):
            self.stamp += 10**8
            states.append(self.tracker.update(frame(excess), self.stamp).state)
        return states


def test_without_reference_nothing_is_claimed():
    health = HealthTracker(None).update(frame(50.0), 0)
    assert health.state == HealthState.NO_REFERENCE
    assert health.cause == "" and len(health.values) == len(MEASURES)


def test_normal_frames_are_in_domain():
    assert set(Drive().go(5)) == {IN}


def test_one_odd_frame_changes_no_state():
    drive = Drive()
    drive.go(2)
    assert set(drive.go(0.1, 50.0)) == {IN}
    assert set(drive.go(2)) == {IN}


def test_a_condition_is_noticed_within_a_second_or_so_by_way_of_degraded():
    drive = Drive()
    drive.go(2)
    states = drive.go(2, 3.0)
    assert states.index(DEGRADED) <= states.index(OUT) <= 10
    assert states[states.index(OUT) :] == [OUT] * (len(states) - states.index(OUT))


def test_it_ends_when_the_condition_ends_however_bad_it_was():
    for excess in (1.5, 1e9):
        drive = Drive()
        drive.go(5, excess)
        assert drive.go(4)[-1] == IN


def test_the_first_frame_decides_by_itself_unknown_is_not_clear():
    assert Drive().go(0.1, 1.5) == [OUT]


@pytest.mark.parametrize("later", [-1, 0, round((LONGEST_GAP + 1) * 1e9)])
def test_after_a_gap_or_a_jump_back_it_begins_anew(later):
    drive = Drive()
    drive.go(5, 3.0)
    assert drive.tracker.update(frame(), drive.stamp + later).state == IN


def test_a_state_is_not_left_at_the_limit_that_led_to_it():
    for state, limit in ((DEGRADED, DEGRADED_LIMIT), (OUT, OUT_OF_DOMAIN_LIMIT)):
        assert next_state(IN, limit) == state
        assert next_state(state, 0.99 * limit) == state
        assert next_state(state, 0.99 * LEAVING * limit) < state
        assert next_state(IN, 0.99 * limit) < state


def test_between_limits_no_state_flickers():
    drive = Drive()
    drive.go(5, 1.2)
    assert set(drive.go(5, 0.8)) == {OUT}
    assert len(set(drive.go(20, 0.6)[-50:])) == 1


def test_the_cause_names_measure_direction_and_amount():
    health = HealthTracker(REFERENCE).update(frame(-1.5), 0)
    assert health.cause == "the image is dark (brightness, 1.5 beyond calibration)"
    assert HealthTracker(REFERENCE).update(frame(1.5), 0).reason == "the image is bright"
    assert HealthTracker(REFERENCE).update(frame(), 0).cause == ""


def test_of_several_causes_the_plainest_is_named():
    dark = np.full(len(MEASURES), -1e3)
    assert HealthTracker(REFERENCE).update(dark, 0).reason == "the image is dark"


def test_names_in_diagnostics():
    assert [state.text for state in HealthState] == [
        "no_reference",
        "in_domain",
        "degraded",
        "out_of_domain",
    ]
