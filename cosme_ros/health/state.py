# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The state of a camera: whether its frames are like those of calibration, with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cosme_ros.health.measures import MEASURES
from cosme_ros.health.reference import HealthReference

DEGRADED_LIMIT = 0.5
"""Excess from which on frames are degraded; `test/benchmark/health_states.py` chose the limits."""
OUT_OF_DOMAIN_LIMIT = 1.0
"""Excess from which on frames are out of domain."""
LEAVING = 0.7
"""A state is left when the excess is below this share of the limit that led to it."""
TIME_CONSTANT = 1.0
"""Seconds, of the average over the last frames: a single odd frame changes no state."""
LONGEST_GAP = 5.0
"""Seconds without a frame, after which what came before is no history."""


class HealthState(IntEnum):
    """How like those of calibration a camera's frames are; a higher number is worse."""

    NO_REFERENCE = 0
    """The bundle has no reference of the calibration frames."""
    IN_DOMAIN = 1
    DEGRADED = 2
    OUT_OF_DOMAIN = 3

    @property
    def text(self) -> str:
        """Return the name in the diagnostics: 'in_domain', 'degraded', ..."""
        return self.name.lower()

    @property
    def words(self) -> str:
        """Return the name for people: 'in domain', 'degraded', ..."""
        return self.text.replace("_", " ")


@dataclass(frozen=True)
class FrameHealth:
    """The health of a camera at one frame."""

    state: HealthState
    reason: str = ""
    """What the worst measure means, as in "the image is dark"; '' where the state is IN_DOMAIN."""
    measured: str = ""
    """The worst measure and how far it is off, as in "brightness, 4.2 beyond calibration"."""
    values: tuple[float, ...] = ()
    """Of MEASURES, of this frame."""
    excess: tuple[float, ...] = ()
    """Of MEASURES, of the last frames on average; empty without a reference."""

    @property
    def cause(self) -> str:
        """Return why the state is not IN_DOMAIN, a sentence; '' where it is."""
        return f"{self.reason} ({self.measured})" if self.reason else ""

    @property
    def warning(self) -> str:
        """Return what diagnostics say of it, '' where nothing is wrong or nothing is known."""
        if self.state == HealthState.OUT_OF_DOMAIN:
            return f"out of domain: {self.cause}; obstacles are unknown, not clear"
        return f"degraded: {self.cause}" if self.state == HealthState.DEGRADED else ""


NO_HEALTH = FrameHealth(HealthState.NO_REFERENCE)
"""Where nothing is known."""


class HealthTracker:
    """Decides the state of one camera from frame to frame. Not for two threads at a time.

    Args:
        reference: of the bundle; None where it has none, and the state is NO_REFERENCE.
    """

    def __init__(self, reference: HealthReference | None) -> None:
        self._reference = reference
        self._average: NDArray[np.float64] | None = None
        self._stamp = 0
        self._state = HealthState.IN_DOMAIN

    def update(self, values: NDArray[np.float64], stamp: int) -> FrameHealth:
        """Return the health at the camera's next frame.

        Args:
            values: of the frame, as `frame_measures` returns them.
            stamp: nanoseconds. Where it does not rise, or after LONGEST_GAP, the average begins
                anew.
        """
        of_frame = tuple(values.tolist())
        if self._reference is None:
            return FrameHealth(HealthState.NO_REFERENCE, values=of_frame)
        # Clipped, so that coming back takes no longer after worse conditions.
        most = 2 * OUT_OF_DOMAIN_LIMIT
        excess = np.clip(self._reference.excess(values), -most, most)
        seconds = (stamp - self._stamp) * 1e-9
        if self._average is None or not 0 < seconds < LONGEST_GAP:
            self._average, self._state = excess, HealthState.IN_DOMAIN
        else:
            self._average += (1 - np.exp(-seconds / TIME_CONSTANT)) * (excess - self._average)
        self._stamp = stamp
        self._state = next_state(self._state, float(np.abs(self._average).max()))
        # Of several at the clip the last: brightness says more than what follows from it.
        worst = len(MEASURES) - 1 - int(np.abs(self._average)[::-1].argmax())
        reason = measured = ""
        if self._state > HealthState.IN_DOMAIN:
            measure, off = MEASURES[worst], float(self._average[worst])
            reason = measure.low if off < 0 else measure.high
            measured = f"{measure.name}, {abs(off):.1f} beyond calibration"
        average = tuple(self._average.tolist())
        return FrameHealth(self._state, reason, measured, of_frame, average)


def next_state(state: HealthState, worst: float) -> HealthState:
    """Return the state that follows a state.

    Args:
        state: of the frame before.
        worst: largest excess of the last frames, 0 or more.
    """
    for reached, limit in (
        (HealthState.OUT_OF_DOMAIN, OUT_OF_DOMAIN_LIMIT),
        (HealthState.DEGRADED, DEGRADED_LIMIT),
    ):
        if worst >= limit * (LEAVING if state >= reached else 1.0):
            return reached
    return HealthState.IN_DOMAIN
