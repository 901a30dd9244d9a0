# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What became of each obstacle of a drive, and which frames show it best to somebody new."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bags.scenes import Scene
from cosme_ros.calibration.false_alarms import ALARM_GAP, alarms_of
from cosme_ros.evaluation.obstacle_tracking import (
    FalseAlarm,
    LabelledObstacle,
    LabelledObstacles,
    Sighting,
    false_alarms,
)
from cosme_ros.metrics.component_metrics import ANOMALY_TRACK
from cosme_ros.metrics.labels import ANOMALY
from cosme_ros.postprocessing.static_mask import StaticMask, visible_values
from cosme_ros.reporting.pictures import ChosenFrame
from cosme_ros.tracking.continuity import Continuity
from cosme_ros.visualization.panels import Region
from cosme_ros.visualization.text import counted

LARGE = 400
"""Pixels; obstacles of more are those that a detector is expected to find."""

PROMPT = 5
"""Frames within which it is expected to find them, counted from the first that shows more than
LARGE pixels."""

_WITHOUT_SCENES = 6
"""Frames that are chosen of a drive that names no scenes."""


@dataclass(frozen=True)
class _Frame:
    number: int
    stamp: int
    scene: Scene | None
    sightings: tuple[Sighting, ...]
    false: tuple[FalseAlarm, ...]
    labelled: bool
    normal: bool
    """Labelled, and without an anomaly."""
    regions: int
    """Of the mask; 0 where it is withheld."""
    peak: float

    def chosen(self, caption: str, note: str, focus: Region | None = None) -> ChosenFrame:
        return ChosenFrame(self.stamp, self.number, caption, note, focus)


class DriveObstacles:
    """Fed with the frames that have a result, in order.

    Args:
        static_mask: of the camera. The highest score of a frame is of what it shows.
    """

    def __init__(self, static_mask: StaticMask | None = None) -> None:
        self._static_mask = static_mask
        self._followed = LabelledObstacles(ANOMALY_TRACK.true)
        self._continuity = Continuity()
        self._frames: list[_Frame] = []

    def add(
        self,
        number: int,
        stamp: int,
        scene: Scene | None,
        *,
        score: NDArray[np.float32],
        mask: NDArray[np.uint8] | None,
        label: NDArray[np.uint8] | None,
    ) -> None:
        """Take in a frame.

        Args:
            number: counted from 0 in the order of playing.
            stamp: nanoseconds.
            scene: that it is of, None where the drive names none.
            score: float32 [H, W], 1.0 is the alarm line.
            mask: uint8 [H, W], 0 or 255; None where it was withheld.
            label: uint8 [H, W], values of `bag_reading`; None where the frame has none.
        """
        if self._continuity.breaks(stamp, scene):
            self._followed.cut()
        sightings: tuple[Sighting, ...] = ()
        false: tuple[FalseAlarm, ...] = ()
        regions = 0
        if mask is not None and mask.any():
            regions = cv2.connectedComponents(mask, connectivity=8)[0] - 1
        if label is not None:
            sightings = self._followed.add(number, stamp, label, mask)
            if mask is not None and regions:
                false = false_alarms(mask, label, score)
        self._frames.append(
            _Frame(
                number,
                stamp,
                scene,
                sightings,
                false,
                labelled=label is not None,
                normal=label is not None and not bool((label == ANOMALY).any()),
                regions=regions,
                peak=float(visible_values(score, self._static_mask).max()),
            )
        )

    def report(self) -> dict[str, Any] | None:
        """Return the figures for report.json; None where nothing is labelled.

        `found_after` counts frames from the one in which the obstacle is first seen, and
        `found_after_large` from the first that shows more than LARGE pixels of it, 0 if it is found
        by then; None: never, or never so large. `iou` is the median of the frames that find it.
        """
        if not any(frame.labelled for frame in self._frames):
            return None
        rows = [self._row(obstacle) for obstacle in self._followed.all]
        large = [row for row in rows if row["largest_area"] > LARGE]
        prompt = [
            row
            for row in large
            if row["found_after_large"] is not None and row["found_after_large"] <= PROMPT
        ]
        ious = [row["iou"] for row in rows if row["iou"] is not None]
        scenes = self._by_scene()
        normal = [scene for scene in scenes if all(frame.normal for frame in scene)]
        if len(scenes) == 1 and not normal:  # no scenes are named: the stretches that are normal
            normal = [[frame for frame in scenes[0] if frame.normal]]
        return {
            "all": rows,
            "obstacles": len(rows),
            "found": len(ious),
            "median_iou_of_found": median(ious) if ious else None,
            "large": len(large),
            "large_pixels": LARGE,
            "prompt_frames": PROMPT,
            "large_found_promptly": len(prompt),
            "normal_frames": sum(len(scene) for scene in normal),
            "false_alarms_on_normal_scenes": sum(
                alarms_of(
                    np.array([frame.stamp for frame in scene if frame.regions], np.int64),
                    gap=ALARM_GAP,
                )
                for scene in normal
            ),
            "frames_with_false_alarms": sum(bool(frame.false) for frame in self._frames),
            "labelled_frames": sum(frame.labelled for frame in self._frames),
        }

    def chosen(self) -> tuple[list[ChosenFrame], str]:
        """Return the frames of the contact sheet, and its heading.

        Of each scene the median obstacle by IoU, never found ones as 0, in the frame whose IoU is
        nearest to the obstacle's own: neither its best nor its worst. Then the worst miss, which is
        the largest obstacle that a frame shows and the mask does not; and the worst false alarm,
        which is the one of the highest score.
        """
        if not any(frame.labelled for frame in self._frames):
            return self._spread(), "Frames of the drive; nothing is known of what is true"
        scenes = self._by_scene()
        if len(scenes) > 1:
            found = [self._of_scene(scene) for scene in scenes]
            heading = "Of each scene the median obstacle"
        else:
            ranked = self._ranked(self._followed.all)
            places = _middles(len(ranked), _WITHOUT_SCENES)
            found = [
                self._of_obstacle(
                    ranked[place], f"Obstacle {place + 1} of {len(ranked)}, from worst to best"
                )
                for place in places
            ]
            heading = "Obstacles from the worst to the best"
        found += self._worst()
        return found, f"{heading}; the worst miss and the worst false alarm of the drive"

    def _row(self, obstacle: LabelledObstacle) -> dict[str, Any]:
        of_it = self._sightings(obstacle)
        scene = of_it[0][0].scene
        since = next((frame.number for frame, s in of_it if s.area > LARGE), None)
        first = next((frame.number for frame, s in of_it if s.found), None)
        return {
            "number": obstacle.number,
            "scene": None if scene is None else scene.number,
            "first_frame": obstacle.first_frame,
            "first_area": obstacle.first_area,
            "largest_area": obstacle.largest_area,
            "frames": obstacle.frames,
            "frames_found": obstacle.frames_found,
            "found_after": obstacle.found_after,
            "found_after_large": (
                None if since is None or first is None else max(0, first - since)
            ),
            "iou": obstacle.iou,
        }

    def _sightings(self, obstacle: LabelledObstacle) -> list[tuple[_Frame, Sighting]]:
        """Return the frames that show an obstacle, in order."""
        return [
            (frame, sighting)
            for frame in self._frames
            for sighting in frame.sightings
            if sighting.obstacle == obstacle.number
        ]

    def _by_scene(self) -> list[list[_Frame]]:
        return [list(frames) for _, frames in groupby(self._frames, lambda frame: frame.scene)]

    def _ranked(self, obstacles: Sequence[LabelledObstacle]) -> list[LabelledObstacle]:
        return sorted(obstacles, key=lambda o: (o.iou or 0.0, o.frames_found, -o.number))

    def _of_scene(self, frames: list[_Frame]) -> ChosenFrame:
        scene = frames[0].scene
        caption = "Before the first scene" if scene is None else _sentence(scene.caption)
        numbers = {sighting.obstacle for frame in frames for sighting in frame.sightings}
        ranked = self._ranked([o for o in self._followed.all if o.number in numbers])
        if ranked:
            return self._of_obstacle(ranked[(len(ranked) - 1) // 2], caption, among=len(ranked))
        alarming = sum(bool(frame.regions) for frame in frames)
        frame = max(frames, key=lambda frame: (bool(frame.false), frame.peak))
        note = f"false alarm in {alarming} of {len(frames)} frames" if alarming else "no alarm"
        highest = max(frame.false, key=lambda alarm: alarm.peak, default=None)
        return frame.chosen(caption, note, None if highest is None else highest.box)

    def _of_obstacle(self, obstacle: LabelledObstacle, caption: str, among: int = 0) -> ChosenFrame:
        of_it = self._sightings(obstacle)
        if obstacle.iou is None:
            frame, shown = max(of_it, key=lambda pair: pair[1].area)
            what = "never found"
        else:
            wanted = obstacle.iou
            frame, shown = min(
                (pair for pair in of_it if pair[1].found),
                key=lambda pair: (abs(pair[1].iou - wanted), -pair[1].area),
            )
            after = obstacle.found_after or 0
            what = (
                "found at once" if after == 0 else f"found after {counted(after, 'frame')}"
            ) + f", overlap {100 * wanted:.0f} %"
        which = f"median of {counted(among, 'obstacle')}: " if among > 1 else ""
        return frame.chosen(caption, which + what, shown.box)

    def _worst(self) -> list[ChosenFrame]:
        chosen = []
        misses = [(f, s) for f in self._frames for s in f.sightings if not s.found]
        if misses:
            frame, missed = max(misses, key=lambda pair: pair[1].area)
            chosen.append(
                frame.chosen(
                    f"Worst miss{_in(frame.scene)}",
                    f"{missed.area} pixels of an obstacle, not found in this frame",
                    missed.box,
                )
            )
        alarms = [(f, alarm) for f in self._frames for alarm in f.false]
        if alarms:
            frame, false = max(alarms, key=lambda pair: pair[1].peak)
            chosen.append(
                frame.chosen(
                    f"Worst false alarm{_in(frame.scene)}",
                    f"score {false.peak:.1f} on something ordinary",
                    false.box,
                )
            )
        return chosen

    def _spread(self) -> list[ChosenFrame]:
        frames = [self._frames[i] for i in _middles(len(self._frames), 2 * _WITHOUT_SCENES)]
        return [
            frame.chosen(
                f"Frame {frame.number}" if frame.scene is None else _sentence(frame.scene.caption),
                f"{counted(frame.regions, 'obstacle')} found",
            )
            for frame in frames
        ]


def _middles(size: int, wanted: int) -> list[int]:
    # The middles of equal parts: the first and the last frames of a drive show least.
    count = min(wanted, size)
    return [int((part + 0.5) * size / count) for part in range(count)]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _in(scene: Scene | None) -> str:
    return "" if scene is None else f", {scene.caption}"
