# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from cosme_ros.bags.scenes import Scene
from cosme_ros.reporting.drive_obstacles import DriveObstacles
from cosme_ros.reporting.replay_report import as_text, obstacle_table

SIZE = (120, 160)
RAIN, FOG, DUSK = (Scene(n, 3, t, 0) for n, t in ((1, "rain"), (2, "fog"), (3, "dusk")))
NOTHING = np.zeros(SIZE, np.uint8)


def drawn(*boxes: tuple[int, int, int, int], value: int = 1) -> np.ndarray:
    array = np.zeros(SIZE, np.uint8)
    for x, y, width, height in boxes:
        array[y : y + height, x : x + width] = value
    return array


def driven(frames) -> DriveObstacles:
    """`frames`: scene, label and mask of each, 1 s apart."""
    drive = DriveObstacles()
    for number, (scene, label, mask) in enumerate(frames):
        score = np.where(mask > 0, 1.0 + number / 10, 0.1).astype(np.float32)
        drive.add(number, number * 10**9, scene, score=score, mask=mask, label=label)
    return drive


SMALL, LARGE = drawn((10, 10, 15, 15)), drawn((10, 10, 30, 30))
HALF = drawn((10, 10, 30, 15), value=255)
OTHER = drawn((100, 80, 20, 20), value=255)

DRIVE = [
    # Seen in frame 0, large from 1 on, found in 3 by half and in 4 whole.
    (RAIN, SMALL, NOTHING),
    (RAIN, LARGE, NOTHING),
    (RAIN, LARGE, OTHER),
    (RAIN, LARGE, HALF),
    (RAIN, LARGE, LARGE * 255),
    # The same place after a cut: another obstacle, never found.
    *[(FOG, LARGE, NOTHING)] * 8,
    # Nothing there; alarms in three frames, which are one alarm.
    (DUSK, NOTHING, NOTHING),
    *[(DUSK, NOTHING, OTHER)] * 3,
]


def test_each_obstacle_has_its_figures() -> None:
    report = driven(DRIVE).report()
    assert report is not None
    first, second = report["all"]
    assert first == {
        "number": 1,
        "scene": 1,
        "first_frame": 0,
        "first_area": 225,
        "largest_area": 900,
        "frames": 5,
        "frames_found": 2,
        "found_after": 3,
        "found_after_large": 2,
        "iou": 0.75,
    }
    assert (second["scene"], second["first_frame"], second["found_after"]) == (2, 5, None)
    assert (second["iou"], second["found_after_large"]) == (None, None)


def test_all_together() -> None:
    report = driven(DRIVE).report()
    assert report is not None
    assert (report["obstacles"], report["found"], report["median_iou_of_found"]) == (2, 1, 0.75)
    assert (report["large"], report["large_found_promptly"]) == (2, 1)
    assert (report["normal_frames"], report["false_alarms_on_normal_scenes"]) == (4, 1)
    assert (report["frames_with_false_alarms"], report["labelled_frames"]) == (4, 17)
    said = as_text([obstacle_table(report)])
    assert "Of more than 400 pixels: 2, of these 1 are found within 5 frames" in said
    assert "Median IoU of those found: 0.75" in said


def test_after_a_gap_the_same_place_is_another_obstacle() -> None:
    drive = DriveObstacles()
    score = np.zeros(SIZE, np.float32)
    for number, seconds in enumerate((0.0, 0.1, 0.2, 9.0, 9.1)):
        stamp = round(seconds * 1e9)
        drive.add(number, stamp, None, score=score, mask=NOTHING, label=LARGE)
    report = drive.report()
    assert report is not None
    assert [row["first_frame"] for row in report["all"]] == [0, 3]


def test_later_than_five_frames_is_not_in_time() -> None:
    found = [(RAIN, LARGE, LARGE * 255)]
    for late, prompt in ((5, 1), (6, 0)):
        report = driven([(RAIN, LARGE, NOTHING)] * late + found).report()
        assert report is not None and report["large_found_promptly"] == prompt


def test_alarms_of_two_normal_scenes_are_two() -> None:
    frames = [(RAIN, NOTHING, OTHER), (FOG, NOTHING, OTHER), (DUSK, NOTHING, NOTHING)]
    report = driven(frames).report()
    assert report is not None and report["false_alarms_on_normal_scenes"] == 2


def test_of_each_scene_the_median_obstacle_in_a_typical_frame() -> None:
    chosen, heading = driven(DRIVE).chosen()
    assert "median obstacle" in heading
    rain, fog, dusk, miss, alarm = chosen
    # Its IoU is 0.75, as far from 0.5 in frame 3 as from 1 in frame 4: either is typical.
    assert rain.frame in (3, 4) and rain.focus == (10, 10, 30, 30)
    assert rain.note == "found after 3 frames, overlap 75 %"
    assert fog.note == "never found" and 5 <= fog.frame < 13
    assert dusk.note == "false alarm in 3 of 4 frames" and dusk.focus == (100, 80, 20, 20)
    assert miss.caption.startswith("Worst miss, scene ") and "900 pixels" in miss.note
    assert alarm.frame == 16 and "score 2.6 on something ordinary" in alarm.note


def test_of_three_obstacles_the_middle_one_is_shown() -> None:
    boxes = [(5, 10, 20, 20), (50, 10, 20, 20), (100, 10, 20, 20)]
    masks = drawn((5, 10, 20, 20), (50, 10, 20, 12), value=255)
    chosen, _ = driven([(RAIN, drawn(*boxes), masks), (FOG, NOTHING, NOTHING)]).chosen()
    assert chosen[0].note == "median of 3 obstacles: found at once, overlap 60 %"
    assert chosen[0].focus == (50, 10, 20, 20)
    assert chosen[1].note == "no alarm"


def test_a_drive_without_scenes_shows_obstacles_from_worst_to_best() -> None:
    frames = [(None, label, mask) for _, label, mask in DRIVE[:5]]
    chosen, heading = driven(frames).chosen()
    assert "from the worst to the best" in heading
    assert chosen[0].caption == "Obstacle 1 of 1, from worst to best"


def test_without_labels_frames_are_spread_and_nothing_is_judged() -> None:
    drive = driven([(None, None, OTHER)] * 30)
    assert drive.report() is None
    chosen, heading = drive.chosen()
    assert len(chosen) == 12 and max(np.diff([c.frame for c in chosen])) <= 3
    assert chosen[0].note == "1 obstacle found"
    assert "nothing is known" in heading
    assert DriveObstacles().chosen()[0] == []


def test_a_withheld_mask_finds_nothing() -> None:
    drive = DriveObstacles()
    score = np.zeros(SIZE, np.float32)
    drive.add(0, 0, None, score=score, mask=None, label=LARGE)
    report = drive.report()
    assert report is not None and report["found"] == 0
