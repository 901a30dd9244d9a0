# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from cosme_ros.evaluation.alarm_tracks import AlarmTracks, ObstacleAlarms, obstacle_alarms
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacles
from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker

STEP = 100_000_000  # nanoseconds
THING, SHADOW, SIGN = (10, 10, 8, 8), (40, 10, 6, 6), (25, 30, 6, 6)


def drawn(boxes, value=1) -> np.ndarray:
    array = np.zeros((40, 60), np.uint8)
    for x, y, width, height in boxes:
        array[y : y + height, x : x + width] = value
    return array


def figures(*frames, normal_seconds=0.4) -> ObstacleAlarms:
    """Each frame: boxes of the mask, and of the label, None without one."""
    tracker, tracks, labelled = ObstacleTracker(), AlarmTracks(), LabelledObstacles(4)
    for number, (found, label_boxes) in enumerate(frames):
        score = drawn(found, 2).astype(np.float32)
        mask, obstacles = find_obstacles(score, region=None, minimum_area=1)
        label = None if label_boxes is None else drawn(label_boxes)
        if label is not None:
            labelled.add(number, number * STEP, label, mask)
        tracks.add(
            number,
            mask,
            obstacles,
            tracker.update(obstacles, number * STEP),
            label=label,
            labelled=None if label is None else labelled,
        )
    return obstacle_alarms(
        tracks.by_id.values(),
        [tracks.identities],
        labelled=any(label is not None for _, label in frames),
        normal_seconds=normal_seconds,
    )


def test_an_alarm_is_a_track_however_often_it_is_shown() -> None:
    frames = [([THING, SHADOW], [THING]), ([SHADOW], [THING]), ([THING, SHADOW], [THING])]
    found = figures(*frames)
    assert (found.alarms, found.false_alarms, found.where_nothing_is_wrong) == (2, 1, 0)
    assert (found.identified, found.identity_switches, found.fragmentations) == (1, 0, 1)


def test_what_once_was_on_an_anomaly_is_no_false_alarm() -> None:
    found = figures(([THING], []), ([THING], [THING]))
    assert (found.alarms, found.false_alarms, found.where_nothing_is_wrong) == (1, 0, 1)
    assert found.where_nothing_is_wrong_an_hour == 1 / 0.4 * 3600


def test_another_track_on_the_same_obstacle_is_a_switch() -> None:
    gone = [([], [THING])] * 8  # longer than a track lasts
    found = figures(([THING], [THING]), *gone, ([THING], [THING]))
    assert (found.alarms, found.identity_switches, found.fragmentations) == (2, 1, 1)


def test_two_false_alarms_on_a_normal_stretch() -> None:
    found = figures(([SHADOW], []), ([SHADOW, SIGN], []), ([SIGN], []), ([], []))
    assert (found.false_alarms, found.where_nothing_is_wrong) == (2, 2)
    assert found.where_nothing_is_wrong_an_hour == 2 / 0.4 * 3600


def test_without_labels_only_alarms_are_known() -> None:
    assert figures(([SHADOW, SIGN], None)) == ObstacleAlarms(2, *[None] * 6)


def test_what_is_ignored_is_neither_false_nor_right() -> None:
    tracker, tracks, labelled = ObstacleTracker(), AlarmTracks(), LabelledObstacles(4)
    label = np.full((40, 60), 255, np.uint8)
    mask, obstacles = find_obstacles(
        drawn([SHADOW], 2).astype(np.float32), region=None, minimum_area=1
    )
    labelled.add(0, 0, label, mask)
    tracks.add(0, mask, obstacles, tracker.update(obstacles, 0), label=label, labelled=labelled)
    (track,) = tracks.by_id.values()
    assert (track.frames, track.on_normal, track.on_anomaly, track.is_false) == (1, 0, 0, False)
