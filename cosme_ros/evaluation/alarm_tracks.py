# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Alarms counted by obstacle: each track that the mask has shown is one, however long it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.evaluation.identity_metrics import IdentityCounter, IdentityCounts
from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE, LabelledObstacles
from cosme_ros.metrics.labels import ANOMALY, NORMAL
from cosme_ros.postprocessing.obstacle_regions import region_numbers
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.tracking.obstacle_tracker import Track


@dataclass
class AlarmTrack:
    """An obstacle that the mask has shown, in all frames that did."""

    id: int
    first_frame: int
    last_frame: int
    frames: int = 0
    """In how many the mask showed it."""
    on_anomaly: int = 0
    """In how many of the labelled ones it touched a labelled anomaly."""
    on_normal: int = 0
    """In how many of them it touched none, but a place that is judged."""
    nothing_wrong: int = 0
    """In how many of these the label shows no anomaly anywhere."""

    @property
    def is_false(self) -> bool:
        """Return whether it was on something ordinary, and never on an anomaly."""
        return self.on_normal > 0 and self.on_anomaly == 0


class AlarmTracks:
    """Fed with the frames of one drive that have a mask, in order."""

    def __init__(self) -> None:
        self.by_id: dict[int, AlarmTrack] = {}
        self._identities = IdentityCounter()

    @property
    def identities(self) -> IdentityCounts:
        """Return the counts of the labelled obstacles so far."""
        return self._identities.counts

    def add(
        self,
        frame: int,
        mask: NDArray[np.uint8],
        obstacles: Sequence[Obstacle],
        tracks: Sequence[Track],
        *,
        label: NDArray[np.uint8] | None = None,
        labelled: LabelledObstacles | None = None,
    ) -> None:
        """Take in a frame.

        Args:
            frame: its number, rising.
            mask: uint8 [H, W], 0 or 255.
            obstacles: of the mask.
            tracks: of the obstacles, in their order.
            label: uint8 [H, W] of NORMAL, ANOMALY and IGNORED; None where the frame has none.
            labelled: to which the label was given last, None where there is none.
        """
        for track in tracks:
            of_track = self.by_id.setdefault(track.id, AlarmTrack(track.id, frame, frame))
            of_track.frames += 1
            of_track.last_frame = frame
        if label is None or labelled is None:
            return
        regions = region_numbers(mask, obstacles)
        count = len(obstacles) + 1
        inside = np.maximum(regions, 0)
        on_anomaly = np.bincount(inside[label == ANOMALY], minlength=count)
        on_normal = np.bincount(inside[label == NORMAL], minlength=count)
        nothing_wrong = not on_anomaly.any()  # 0 is what the mask does not show
        for number, track in enumerate(tracks, start=1):
            of_track = self.by_id[track.id]
            if on_anomaly[number]:
                of_track.on_anomaly += 1
            elif on_normal[number]:
                of_track.on_normal += 1
                of_track.nothing_wrong += nothing_wrong
        self._identities.add(
            {
                obstacle: {
                    track.id: share
                    for track, share in zip(tracks, shares[1:], strict=True)
                    if share >= FOUND_SHARE
                }
                for obstacle, shares in labelled.covered_shares(inside, count).items()
            }
        )


@dataclass(frozen=True)
class ObstacleAlarms:
    """Of one bag or several, counted by track. None where there are no labels."""

    alarms: int
    """Tracks that the mask has shown."""
    false_alarms: int | None
    """Those that lie on something ordinary, and never on a labelled anomaly."""
    where_nothing_is_wrong: int | None
    """Those that the mask has shown in a frame without any anomaly."""
    where_nothing_is_wrong_an_hour: float | None
    """By the time of these frames; None where there is none."""
    identified: int | None
    """Labelled obstacles that had a track."""
    identity_switches: int | None
    fragmentations: int | None


def obstacle_alarms(
    tracks: Sequence[AlarmTrack],
    identities: Sequence[IdentityCounts],
    *,
    labelled: bool,
    normal_seconds: float,
) -> ObstacleAlarms:
    """Return the figures.

    Args:
        tracks: of all bags.
        identities: of each bag.
        labelled: whether any frame has a label.
        normal_seconds: that the frames without any anomaly stand for.
    """
    if not labelled:
        return ObstacleAlarms(len(tracks), None, None, None, None, None, None)
    quiet = sum(track.nothing_wrong > 0 for track in tracks)
    return ObstacleAlarms(
        alarms=len(tracks),
        false_alarms=sum(track.is_false for track in tracks),
        where_nothing_is_wrong=quiet,
        where_nothing_is_wrong_an_hour=3600 * quiet / normal_seconds if normal_seconds else None,
        identified=sum(counts.obstacles for counts in identities),
        identity_switches=sum(counts.switches for counts in identities),
        fragmentations=sum(counts.fragmentations for counts in identities),
    )
