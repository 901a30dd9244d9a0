# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.calibration.false_alarms import ALARM_GAP, alarms_of, seconds_of_frames
from cosme_ros.cli import calibrate, evaluate_bag

START = 1_700_000_000_000_000_000  # nanoseconds


def test_pauses_and_lost_frames_are_no_driving() -> None:
    tenths = np.array([0, 1, 2, 4, 5, 605, 606])
    seconds = seconds_of_frames(tenths * 100_000_000)
    #                                   one lost      a minute's pause  the last
    assert seconds == pytest.approx([0.1, 0.1, 0.2, 0.1, 0.2, 0.1, 0.1])
    assert seconds_of_frames(np.array([START])).tolist() == [0.0]
    assert seconds_of_frames(np.array([], np.int64)).tolist() == []


@pytest.mark.parametrize("gap", [0.5, 1.0, 1.5, 4.0])
def test_an_alarm_ends_where_the_next_frame_is_further_than_the_gap(gap: float) -> None:
    halves = np.array([0, 1, 2, 5, 7, 15])
    alarms, last = 0, -np.inf
    for half in halves / 2:
        alarms += half - last > gap
        last = half
    assert alarms_of(START + halves * 500_000_000, gap=gap) == alarms
    assert alarms_of(np.array([], np.int64), gap=gap) == 0


def test_both_commands_count_alike_unless_told_otherwise() -> None:
    bags = ["bag", "--bundle", "b", "--out", "o"]
    for given in ([], ["--alarm-gap", "2"]):
        judged = evaluate_bag._parser().parse_args([*bags, *given])
        promised = calibrate._parser().parse_args([*bags, "--false-alarms-per-hour", "1", *given])
        assert judged.alarm_gap == promised.alarm_gap == (2.0 if given else ALARM_GAP)
