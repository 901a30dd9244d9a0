"""Figures over time: alarms a minute, and how steady masks are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from cosme_ros.bag_evaluation.bag_figures import FrameFigures
from cosme_ros.bag_evaluation.labelled_obstacles import LabelledObstacle

SAME_ALARM_SECONDS = 1.0
"""Frames with an alarm that lie no further apart are one alarm to whoever has to react to it."""

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class AlarmFigures:
    """Alarms of some frames, and the time that those frames cover."""

    frames: int
    seconds: float
    """Frames times the usual time from one to the next."""
    alarm_frames: int
    alarms: int
    """Runs of frames with an alarm; see SAME_ALARM_SECONDS."""
    withheld: int
    """Frames whose mask was withheld: neither clear nor an alarm."""

    @property
    def alarm_rate(self) -> float | None:
        """Share of frames with an alarm."""
        return self.alarm_frames / self.frames if self.frames else None

    @property
    def alarms_a_minute(self) -> float | None:
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
class Detection:
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
    """Seconds since the first frame: by stamp, or by the recorder's clock if stamps do not rise.

    Where neither does, frames are taken to follow each other as stamps mostly do.
    """
    for clock in ("stamp", "bag_time"):
        values = [getattr(frame, clock) for frame in frames]
        if all(a < b for a, b in pairwise(values)):
            return [(value - values[0]) * 1e-9 for value in values]
    steps = [b.stamp - a.stamp for a, b in pairwise(frames)]
    usual = median([step for step in steps if step > 0] or [_NANOSECONDS]) * 1e-9
    return [usual * place for place in range(len(frames))]


def period(frames: Sequence[FrameFigures]) -> float:
    """Seconds from a frame to the next, as a rule; 0 of fewer than two."""
    at = times(frames)
    return median([b - a for a, b in pairwise(at)]) if len(at) > 1 else 0.0


def alarm_figures(frames: Sequence[FrameFigures], *, normal_only: bool) -> AlarmFigures:
    """Of all frames of one bag, or of those that are labelled and show nothing wrong."""
    usual, at = period(frames), times(frames)
    counted = [(f, t) for f, t in zip(frames, at, strict=True) if f.known_normal or not normal_only]
    alarming = [t for frame, t in counted if frame.alarm]
    starts = [
        t
        for place, t in enumerate(alarming)
        if place == 0 or t - alarming[place - 1] > SAME_ALARM_SECONDS
    ]
    return AlarmFigures(
        frames=len(counted),
        seconds=usual * len(counted),
        alarm_frames=len(alarming),
        alarms=len(starts),
        withheld=sum(frame.obstacles is None for frame, _ in counted),
    )


def together(parts: Sequence[AlarmFigures]) -> AlarmFigures:
    """Of several bags: no alarm goes on from one to the next."""
    return AlarmFigures(
        frames=sum(part.frames for part in parts),
        seconds=sum(part.seconds for part in parts),
        alarm_frames=sum(part.alarm_frames for part in parts),
        alarms=sum(part.alarms for part in parts),
        withheld=sum(part.withheld for part in parts),
    )


def stability(bags: Sequence[Sequence[FrameFigures]]) -> Stability:
    """Of the frames of several bags; no frame neighbours one of another bag."""
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


def detection(obstacles: Sequence[LabelledObstacle]) -> Detection:
    """Of labelled obstacles."""
    after = [o.found_after for o in obstacles if o.found_after is not None]
    return Detection(
        obstacles=len(obstacles),
        found=len(after),
        never=len(obstacles) - len(after),
        at_once=sum(frames == 0 for frames in after),
        median_frames=float(median(after)) if after else None,
        worst_frames=max(after) if after else None,
    )
