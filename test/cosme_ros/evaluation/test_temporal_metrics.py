# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cosme_ros.calibration.false_alarms import (
    NormalDrive,
    count_alarms,
    hours_of,
    seconds_of_frames,
)
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacle
from cosme_ros.evaluation.results import FrameFigures
from cosme_ros.evaluation.temporal_metrics import (
    alarm_figures,
    detection,
    stability,
    times,
    together,
)

TENTH = 100_000_000
START = 1_700_000_000_000_000_000
GAP = 5.0


def frames_of(alarms: str, *, labels: str = "", stamps=None, bag_times=None):
    """`alarms`: one letter a frame: x alarms, . does not, ? is withheld. `labels`: n nothing
    wrong, a an anomaly, - no label."""
    frames = []
    for index, letter in enumerate(alarms):
        label = labels[index] if labels else "-"
        frames.append(
            FrameFigures(
                frame=index,
                stamp=stamps[index] if stamps else index * TENTH,
                bag_time=bag_times[index] if bag_times else index * TENTH,
                peak=2.0 if letter == "x" else 0.5,
                obstacles={"x": 1, ".": 0, "?": None}[letter],
                mask_pixels=None,
                mask_iou=None,
                anomalous_pixels={"n": 0, "a": 5, "-": None}[label],
                missed=0,
                false_obstacles=0,
            )
        )
    return frames


def test_an_alarm_that_never_ends_is_all_of_the_time() -> None:
    endless = alarm_figures(frames_of("x" * 20), normal_only=False, gap=GAP)
    assert (endless.alarms, endless.time_in_alarm) == (1, pytest.approx(1.0))
    assert endless.alarm_seconds == pytest.approx(2.0)
    brief = alarm_figures(frames_of("x" + 19 * "."), normal_only=False, gap=GAP)
    assert (brief.alarms, brief.time_in_alarm) == (1, pytest.approx(0.05))
    both = together([endless, brief])
    assert (both.alarms, both.time_in_alarm) == (2, pytest.approx(21 / 40))
    assert alarm_figures([], normal_only=False, gap=GAP).time_in_alarm is None


def test_an_alarm_is_a_run_that_the_gap_separates() -> None:
    """Ten frames without an alarm lie 1.1 s apart: another alarm. Nine: the same."""
    drive = frames_of("xx" + 10 * "." + "x" + "." * 7)
    two = alarm_figures(drive, normal_only=False, gap=1.0)
    assert (two.alarms, two.alarm_frames, two.frames) == (2, 3, 20)
    one = alarm_figures(frames_of("xx" + 9 * "." + "x" + "." * 8), normal_only=False, gap=1.0)
    assert one.alarms == 1
    assert alarm_figures(drive, normal_only=False, gap=1.1).alarms == 1
    assert two.seconds == pytest.approx(2.0)
    assert two.alarms_a_minute == pytest.approx(60.0)
    assert two.alarm_rate == pytest.approx(3 / 20)


def test_only_frames_known_to_be_normal_count_where_nothing_is_wrong() -> None:
    figures = alarm_figures(frames_of("xx..xx?x", labels="aa--nnnn"), normal_only=True, gap=GAP)
    assert (figures.frames, figures.alarm_frames, figures.alarms, figures.withheld) == (4, 3, 1, 1)
    assert figures.seconds == pytest.approx(0.4)
    nothing = alarm_figures(frames_of("x", labels="a"), normal_only=True, gap=GAP)
    assert nothing.alarms_a_minute is None and nothing.alarm_rate is None


def test_bags_do_not_run_into_each_other() -> None:
    part = alarm_figures(frames_of("x"), normal_only=False, gap=GAP)
    assert together([part, part]).alarms == 2


def test_time_is_the_stamps_or_else_the_recorders() -> None:
    assert times(frames_of("...", stamps=[5 * TENTH, 7 * TENTH, 8 * TENTH])) == pytest.approx(
        [0, 0.2, 0.3]
    )
    back = frames_of("...", stamps=[0, 5, 3], bag_times=[0, TENTH, 3 * TENTH])
    assert times(back) == pytest.approx([0, 0.1, 0.3])
    neither = frames_of("....", stamps=[0, TENTH, 0, TENTH], bag_times=[0, 0, 0, 0])
    assert times(neither) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert times(frames_of("")) == []


def test_an_evaluation_counts_as_a_calibration_does() -> None:
    """Alarms and hours of the same frames, with pauses, a lost frame and edges of the gap."""
    stamps = (START + TENTH * np.array([0, 1, 2, 4, 5, 15, 16, 26, 27, 38, 600, 601])).tolist()
    alarms = "x..x.xxx.xx."
    drive = NormalDrive(
        np.array(stamps),
        np.array([float(letter == "x") for letter in alarms]),
        float(seconds_of_frames(np.array(stamps)).sum()),
    )
    for gap in (0.1, 0.3, 1.0, 1.1, 5.0, 60.0):
        found = alarm_figures(frames_of(alarms, stamps=stamps), normal_only=False, gap=gap)
        assert found.alarms == count_alarms([drive], 1.0, gap=gap)
        assert found.seconds == pytest.approx(3600 * hours_of([drive]))


def test_single_frames_are_those_without_an_alarming_neighbour() -> None:
    figures = stability([frames_of("x.xx.x"), frames_of("x?x")])
    assert figures.single_frame_alarms == pytest.approx(4 / 6)
    quiet = stability([frames_of("...")])
    assert quiet.single_frame_alarms is None and quiet.mask_iou is None


def test_detection_counts() -> None:
    obstacles = [
        LabelledObstacle(n, 0, 0, 9, found_after=after)
        for n, after in enumerate((0, 4, None, 7, None), start=1)
    ]
    figures = detection(obstacles)
    assert (figures.obstacles, figures.found, figures.never, figures.at_once) == (5, 3, 2, 1)
    assert (figures.median_frames, figures.worst_frames) == (4.0, 7)
    assert detection([]).median_frames is None
