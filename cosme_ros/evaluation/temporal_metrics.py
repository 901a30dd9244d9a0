# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Figures over time: alarms a minute, and how steady masks are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from cosme_ros.calibration.false_alarms import alarms_of, seconds_of_frames
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacle
from cosme_ros.evaluation.results import FrameFigures

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class AlarmFigures:
    """Alarms of some frames, and the time that those frames cover."""

    frames: int
    seconds: float
    """Of driving that the frames stand for."""
    alarm_frames: int
    alarms: int
    """As `alarms_of` counts them: one that never ends is one."""
    alarm_seconds: float
    """Time in alarm: of driving that the alarming frames stand for."""
    withheld: int
    """Frames whose mask was withheld: neither clear nor an alarm."""

    @property
    def alarm_rate(self) -> float | None:
        """Return the share of frames with an alarm."""
        return self.alarm_frames / self.frames if self.frames else None

    @property
    def time_in_alarm(self) -> float | None:
        """Return the share of the time in alarm."""
        return self.alarm_seconds / self.seconds if self.seconds else None

    @property
    def alarms_a_minute(self) -> float | None:
        """Return the alarms a minute; None where the duration is zero."""
        return 60 * self.alarms / self.seconds if self.seconds else None


@dataclass(frozen=True)
class Stability:
    """How little the mask changes from frame to frame. None where nothing alarms."""

    mask_iou: float | None
    """Mean intersection over union of the masks of neighbouring frames, where either alarms."""
    single_frame_alarms: float | None
    """Share of alarming frames whose neighbours on both sides do not alarm."""
    pairs: int
    """Neighbouring frames of which one at least alarms."""


@dataclass(frozen=True)
class DetectionDelay:
    """How soon labelled obstacles are found."""

    obstacles: int
    found: int
    never: int
    at_once: int
    """Found in the frame in which they appear."""
    median_frames: float | None
    """From appearing to being found, of those found."""
    worst_frames: int | None


def times(frames: Sequence[FrameFigures]) -> list[float]:
    """Return the seconds since the first frame; see `clock`."""
    return [nanoseconds * 1e-9 for nanoseconds in clock(frames).tolist()]


def clock(frames: Sequence[FrameFigures]) -> NDArray[np.int64]:
    """Return the time of each frame since the first one, strictly rising.

    The stamps give the time, or the recorder's clock if the stamps do not rise. Where neither
    rises, the frames are spaced by the median difference of their stamps.

    Returns:
        int64 [n], nanoseconds.
    """
    for name in ("stamp", "bag_time"):
        values = np.array([getattr(frame, name) for frame in frames], np.int64)
        if (np.diff(values) > 0).all():
            return values - values[:1]
    steps = [b.stamp - a.stamp for a, b in pairwise(frames)]
    usual = round(median([step for step in steps if step > 0] or [_NANOSECONDS]))
    return usual * np.arange(len(frames), dtype=np.int64)


def alarm_figures(frames: Sequence[FrameFigures], *, normal_only: bool, gap: float) -> AlarmFigures:
    """Return the alarm figures of all frames of one bag, or of those labelled as normal.

    Alarming frames no more than `gap` seconds apart are one alarm.
    """
    at = clock(frames)
    counted = np.array([frame.known_normal or not normal_only for frame in frames], bool)
    alarming = counted & np.array([frame.alarm for frame in frames], bool)
    withheld = counted & np.array([frame.obstacles is None for frame in frames], bool)
    seconds = seconds_of_frames(at)
    return AlarmFigures(
        frames=int(counted.sum()),
        seconds=float(seconds[counted].sum()),
        alarm_frames=int(alarming.sum()),
        alarms=alarms_of(at[alarming], gap=gap),
        alarm_seconds=float(seconds[alarming].sum()),
        withheld=int(withheld.sum()),
    )


def together(parts: Sequence[AlarmFigures]) -> AlarmFigures:
    """Sum the figures of several bags: no alarm continues from one to the next."""
    names = (field.name for field in fields(AlarmFigures))
    return AlarmFigures(**{name: sum(getattr(part, name) for part in parts) for name in names})


def stability(bags: Sequence[Sequence[FrameFigures]]) -> Stability:
    """Return the mask's stability over several bags; no frame neighbours one of another bag."""
    overlaps = [f.mask_iou for frames in bags for f in frames if f.mask_iou is not None]
    alarming = single = 0
    for frames in bags:
        alarms = [False, *(frame.alarm for frame in frames), False]
        alarming += sum(alarms)
        single += sum(
            here and not before and not after
            for before, here, after in zip(alarms, alarms[1:], alarms[2:], strict=False)
        )
    return Stability(
        mask_iou=fmean(overlaps) if overlaps else None,
        single_frame_alarms=single / alarming if alarming else None,
        pairs=len(overlaps),
    )


def detection(obstacles: Sequence[LabelledObstacle]) -> DetectionDelay:
    """Return the detection delay of labelled obstacles."""
    after = [o.found_after for o in obstacles if o.found_after is not None]
    return DetectionDelay(
        obstacles=len(obstacles),
        found=len(after),
        never=len(obstacles) - len(after),
        at_once=sum(frames == 0 for frames in after),
        median_frames=float(median(after)) if after else None,
        worst_frames=max(after) if after else None,
    )
