# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What one alarm is, and how much driving a frame stands for: the same for all who count."""

import numpy as np
from numpy.typing import NDArray

ALARM_GAP = 5.0
"""Seconds; alarming frames no further apart are one alarm, unless somebody asks for another gap.

What one thing sets off again and again while it is in view is one alarm to whoever reacts to it.
"""

_NANOSECONDS = 1_000_000_000
# A frame stands for the time to the next one. Where the recorder lost some, or paused, nobody
# knows what the camera saw: no frame stands for more than this many periods.
_MOST_PERIODS = 2.0


def alarms_of(alarming: NDArray[np.int64], *, gap: float) -> int:
    """Number of alarms that frames with these stamps are: [n], nanoseconds, rising.

    Frames no more than `gap` seconds after the one before belong to its alarm.
    """
    return int(alarming.size > 0) + int(np.count_nonzero(np.diff(alarming) > gap * _NANOSECONDS))


def seconds_of_frames(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much driving each frame stands for: the time to the next, in seconds, [n].

    `stamps` are nanoseconds, strictly rising. Never more than two median periods, of which the last
    frame gets one. A lone frame gets 0.
    """
    if len(stamps) < 2:
        return np.zeros(len(stamps))
    periods = np.diff(stamps) * 1e-9
    period = float(np.median(periods))
    return np.append(np.minimum(periods, _MOST_PERIODS * period), period)
