# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From frames known to be normal to an alarm line, and the guarantee that it supports.

**What is counted.** A false alarm is an obstacle in a frame where there is nothing wrong. Alarming
frames no further apart than a gap of some seconds are one alarm, however long it lasts. Any one
bin, shadow or shop sign is in view for seconds and sets off many frames; such neighbours add
no information. Of a stationary drive, what is left after they are taken together comes as a Poisson
process where alarms are rare (Leadbetter 1983, "Extremes and local dependence in stationary
sequences"). The independent thing is therefore the alarm, never the frame.

**What is guaranteed.** Let N(s) be the number of alarms in the T hours measured that a line just
above s raises, and r(s) the rate per hour at which such a line raises them on any such drive. The
line is put above the highest s at which N(s) exceeds `allowed`, the largest x with
P(Poisson(F T) <= x) <= 1 - confidence: an exact bound on a Poisson rate (Garwood 1936), which is to
counts over time what Clopper and Pearson's (1934) is to counts of trials.

Although the line is chosen on the very drive that it is judged by, the bound holds, as with Wilks's
tolerance limits (1941): let s* be the highest score at which r reaches F. For r at the chosen line
to exceed F the line must lie below s*, so that every line from there up, the one at s* among them,
raised no more than `allowed` alarms. At s* the expected number is F T, and so the probability of
that is at most 1 - confidence. The score's distribution does not matter.

With no alarm allowed this takes T = -ln(1 - confidence) / F hours: 3.0 for one an hour at 95 %.

**What is not guaranteed.** Anything about roads, light, weather or a camera unlike those
measured; or about one particular hour: F is the long-run mean.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, poisson

ALARM_GAP = 5.0
"""Seconds; alarming frames no further apart are one alarm, unless somebody asks for another gap.

What one thing sets off again and again while it is in view is one alarm to whoever reacts to it.
"""

# A detector that alarms all the time raises one single alarm, which would meet any guarantee.
MOST_ALARMING_FRAMES = 0.1
# A frame stands for the time to the next one. Where the recorder lost some, or paused, nobody
# knows what the camera saw: no frame stands for more than this many periods.
_MOST_PERIODS = 2.0
_NANOSECONDS = 1_000_000_000
_SECONDS_AN_HOUR = 3600.0


def alarms_of(alarming: NDArray[np.int64], *, gap: float) -> int:
    """Return the number of alarms that a sequence of alarming frames forms.

    Args:
        alarming: int64 [n], stamps of the alarming frames in nanoseconds, ascending.
        gap: seconds; a frame at most this long after the one before belongs to its alarm.
    """
    return int(alarming.size > 0) + int(np.count_nonzero(np.diff(alarming) > gap * _NANOSECONDS))


def seconds_of_frames(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the driving time that each frame stands for: seconds to the next frame, [n].

    `stamps` are nanoseconds, strictly rising. Never more than two median periods, of which the last
    frame gets one. A lone frame gets 0.
    """
    if len(stamps) < 2:
        return np.zeros(len(stamps))
    periods = np.diff(stamps) * 1e-9
    period = float(np.median(periods))
    return np.append(np.minimum(periods, _MOST_PERIODS * period), period)


class GuaranteeError(Exception):
    """The drives do not support the guarantee; the message states which one they support."""


@dataclass(frozen=True)
class NormalDrive:
    """Frames of one camera in one recording, known to be normal."""

    stamps: NDArray[np.int64]
    """Nanoseconds, strictly rising, [n]."""
    alarm_scores: NDArray[np.float64]
    """The highest alarm line at which each frame still shows an obstacle, raw score, 0 or more."""
    seconds: float
    """Of driving that the frames stand for."""


def hours_of(drives: Sequence[NormalDrive]) -> float:
    """Return the hours of driving in all drives."""
    return sum(drive.seconds for drive in drives) / _SECONDS_AN_HOUR


def least_hours(rate: float, confidence: float) -> float:
    """Return the hours needed to guarantee `rate` alarms an hour, if none of them has an alarm."""
    return -math.log1p(-confidence) / rate


def least_rate(hours: float, confidence: float) -> float:
    """Return the lowest number of alarms an hour that so many hours can guarantee."""
    return -math.log1p(-confidence) / hours


def highest_rate(alarms: int, hours: float, confidence: float) -> float:
    """Return the upper confidence limit of the alarms an hour for a count (Garwood 1936).

    Valid for a line that was not chosen by this count.
    """
    return float(chi2.ppf(confidence, 2 * (alarms + 1))) / 2 / hours


def allowed_alarms(
    rate: float, confidence: float, hours: float, *, most_rate: float = math.inf
) -> int:
    """Return how many alarms the measured hours may have to support a guarantee.

    Args:
        rate: alarms an hour to be guaranteed, > 0.
        confidence: of the guarantee, in 0..1.
        hours: that were measured.
        most_rate: alarms an hour that cannot be exceeded, so that it guarantees nothing.

    Raises:
        GuaranteeError: the hours are too few even without an alarm.
    """
    expected = rate * hours
    if poisson.cdf(0, expected) > 1 - confidence:
        wanted = (
            f"to guarantee {rate:g} false alarm{'' if rate == 1 else 's'} an hour at "
            f"{100 * confidence:g} % confidence takes at least "
            f"{_round_up(least_hours(rate, confidence))} h of normal drive"
        )
        if hours <= 0:
            raise GuaranteeError(f"{wanted}, and there is none")
        if float(_round_up(least_rate(hours, confidence))) >= most_rate:
            raise GuaranteeError(
                f"{wanted}, and there are {hours:.2g} h, which are too few for any number: more "
                f"than {most_rate:g} an hour cannot be told apart, and a guarantee below that "
                f"takes at least {_round_up(least_hours(most_rate, confidence))} h"
            )
        raise GuaranteeError(
            f"{wanted}, and there are {hours:.2g} h; the least that these can guarantee is "
            f"--false-alarms-per-hour {_round_up(least_rate(hours, confidence))}"
        )
    allowed = 0
    while poisson.cdf(allowed + 1, expected) <= 1 - confidence:
        allowed += 1
    return allowed


def _round_up(value: float) -> str:
    """Round up to two digits, so that the advised value is accepted."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / unit - 1e-9) * unit:.10g}"


def count_alarms(drives: Sequence[NormalDrive], line: float, *, gap: float) -> int:
    """Count the alarms of a line; alarming frames of a drive within `gap` seconds are one."""
    return sum(alarms_of(drive.stamps[drive.alarm_scores >= line], gap=gap) for drive in drives)


def score_to_stay_above(drives: Sequence[NormalDrive], allowed: int, *, gap: float) -> float:
    """Return the lowest score such that every line above it raises at most `allowed` alarms.

    A line above it also alarms at most the share MOST_ALARMING_FRAMES of the frames.

    Args:
        drives: normal drives, with the alarm score of each frame.
        allowed: number of alarms in all drives together.
        gap: seconds, as in `count_alarms`.

    Raises:
        GuaranteeError: there are no frames.
    """
    scores = np.concatenate([drive.alarm_scores for drive in drives])
    stamps = np.concatenate([drive.stamps for drive in drives])
    owners = np.repeat(np.arange(len(drives)), [len(drive.stamps) for drive in drives])
    most_frames = int(MOST_ALARMING_FRAMES * scores.size)
    alarming: list[list[int]] = [[] for _ in drives]
    alarms = 0
    for frames, index in enumerate(np.argsort(-scores, kind="stable").tolist()):
        if frames == most_frames:
            return float(scores[index])
        alarms += _added(alarming[owners[index]], int(stamps[index]), gap * _NANOSECONDS)
        if alarms > allowed:
            return float(scores[index])
    raise GuaranteeError("there are no normal frames to choose an alarm line by")


def _added(alarming: list[int], stamp: int, gap: float) -> int:
    """Add an alarming frame, and return by how much the number of alarms changes."""
    place = bisect.bisect_left(alarming, stamp)
    before = alarming[place - 1] if place else None
    after = alarming[place] if place < len(alarming) else None
    alarming.insert(place, stamp)
    joins_before = before is not None and stamp - before <= gap
    joins_after = after is not None and after - stamp <= gap
    were_joined = before is not None and after is not None and after - before <= gap
    return 1 - joins_before - joins_after + were_joined
