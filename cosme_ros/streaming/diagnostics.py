# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judges the state of the detector for /diagnostics. Arithmetic and words, no ROS.

Two rules stand above all others:

- **Input without output is never OK.** Frames that fail, come late, hang, or wait for one that
  hangs, are a warning or an error, and so is an input that has stopped.
- **Unknown is never clear.** No valid score, no road, or scores without information are never OK.
"""

from dataclasses import dataclass
from enum import IntEnum

from cosme_ros import topics
from cosme_ros.health.measures import MEASURES
from cosme_ros.health.state import FrameHealth, HealthState
from cosme_ros.streaming.frame_statistics import WINDOW, Percentiles, Snapshot
from cosme_ros.streaming.score_drift import DriftReference, drift_warning

INPUT_TIMEOUT = 1.0  # seconds; a road changes within it
PENDING_KEY = "pending without a result (s)"
LATE = "older than the deadline"
SCORE_FAULT = "score fault"  # the reason under which ScoreFaults are counted


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Configured:
    """What is known once the detector is loaded. Rates are shares of pixels, thresholds raw."""

    bundle: str
    provider: str
    false_positive_rate: float
    threshold: float
    drift: DriftReference
    stall_warning: float
    """Seconds that frames may be pending without a result."""
    stall_error: float
    not_looked_at: float = 0.0
    """Share of the image under the static mask."""
    marks: int = 0
    """That hold."""
    alarm_rule: str = ""
    """Which frames an alarm needs, such as "3 of 5"; empty where it needs one."""


@dataclass(frozen=True)
class Positions:
    """Whether a camera's obstacles get a place on the road, where somebody listens for them."""

    gap: str | None
    """Why they get none; None where they do."""

    @property
    def status(self) -> str:
        """Return the value for /diagnostics."""
        return "known" if self.gap is None else f"unknown: {self.gap}"


@dataclass(frozen=True)
class Report:
    """Level, message and values of one entry on /diagnostics."""

    level: Level
    message: str
    values: dict[str, str]


def report(
    *,
    state: str,
    refusal: str | None,
    configured: Configured | None,
    snapshot: Snapshot | None,
    missing_input_reason: str | None,
    transition_age: float | None = None,
    positions: Positions | None = None,
) -> Report:
    """Return one status of /diagnostics.

    Args:
        state: of the lifecycle.
        refusal: the sentence of the last transition that failed, None after one that succeeded.
        configured: what is loaded; None where nothing is.
        snapshot: of a camera, while the node is active.
        missing_input_reason: why no image may be coming, as far as the graph shows; used when none
            came for INPUT_TIMEOUT.
        transition_age: seconds that a transition such as configuring has taken so far; None where
            there is none.
        positions: whether obstacles get a place on the road; None where nobody asked for one.
    """
    values = {"state": state}
    if configured is not None:
        values |= {
            "bundle": configured.bundle,
            "provider": configured.provider,
            "false positive rate": f"{configured.false_positive_rate:g}",
            "alarm threshold (raw score)": f"{configured.threshold:.6g}",
            topics.NOT_LOOKED_AT: f"{configured.not_looked_at:.6g}",
            topics.MARKS: str(configured.marks),
        }
    if transition_age is not None:
        waited = f"{state} for {transition_age:.1f} s: no obstacles are looked for"
        return Report(Level.WARN, waited, values)
    if refusal is not None:
        values[topics.REFUSAL] = refusal
        return Report(Level.ERROR, f"{state}: {refusal}", values)
    if configured is None or snapshot is None:
        return Report(Level.WARN, f"{state}: no obstacles are looked for", values)
    values |= _numbers(snapshot, configured)
    if configured.alarm_rule:
        values |= {
            topics.ALARM_RULE: configured.alarm_rule,
            topics.UNCONFIRMED_OBSTACLES: str(snapshot.unconfirmed),
            topics.UNCONFIRMED_FRAMES: str(snapshot.unconfirmed_frames),
        }
    if positions is not None:
        values[topics.POSITIONS] = positions.status
    level, message = _level_and_message(snapshot, configured, missing_input_reason)
    if level is Level.OK and positions is not None and positions.gap is not None:
        level, message = Level.WARN, f"obstacles get no place on the road: {positions.gap}"
    return Report(level, message, values)


def _level_and_message(
    s: Snapshot, configured: Configured, missing_input_reason: str | None
) -> tuple[Level, str]:
    if s.pending_age > configured.stall_warning:
        level = Level.ERROR if s.pending_age > configured.stall_error else Level.WARN
        return level, (
            f"frames have been pending for {s.pending_age:.1f} s without a result: the frame under "
            "way hangs, or takes too long"
        )
    if s.seconds_since_input > INPUT_TIMEOUT:
        hint = f": {missing_input_reason}" if missing_input_reason else ""
        return Level.STALE, f"no image for {s.seconds_since_input:.1f} s{hint}"
    lost = {**s.recent_failures, **({LATE: s.recent_late} if s.recent_late else {})}
    failures = ", ".join(f"{count} x {reason}" for reason, count in lost.items())
    if SCORE_FAULT in s.recent_failures:
        return Level.ERROR, f"a score has no meaning, nothing was published: {failures}"
    if lost and not s.recent_processed:
        return Level.ERROR, f"no frame of the last {WINDOW:g} s could be used: {failures}"
    if lost:
        return Level.WARN, f"frames skipped in the last {WINDOW:g} s: {failures}"
    if s.health.state == HealthState.OUT_OF_DOMAIN:
        return Level.ERROR, s.health.warning
    if s.recent_masks_withheld:
        return Level.WARN, (
            f"no drivable area{' that is looked at' if configured.not_looked_at else ''} in "
            f"{s.recent_masks_withheld} frames of the last {WINDOW:g} s: "
            "their obstacle masks were withheld"
        )
    if s.spread is not None and (warning := drift_warning(s.spread, configured.drift)) is not None:
        return Level.WARN, warning
    if s.health.state == HealthState.DEGRADED:
        return Level.WARN, s.health.warning
    if s.received and not s.recent_processed:
        return Level.WARN, f"{s.waiting + s.under_way} frames pending, and no result yet"
    unconfirmed = f", {s.unconfirmed} obstacles not confirmed" if s.unconfirmed else ""
    return Level.OK, f"{s.output_rate:.1f} frames/s{unconfirmed}"


def _numbers(s: Snapshot, configured: Configured) -> dict[str, str]:
    values = {
        "input rate (1/s)": f"{s.input_rate:.2f}",
        "output rate (1/s)": f"{s.output_rate:.2f}",
        topics.FRAMES_RECEIVED: str(s.received),
        topics.FRAMES_PROCESSED: str(s.processed),
        topics.FRAMES_DROPPED: str(s.dropped),
        topics.FRAMES_LATE: str(s.late),
        topics.FRAMES_FAILED: str(sum(s.failed.values())),
        **{f"frames failed: {reason}": str(count) for reason, count in sorted(s.failed.items())},
        topics.FRAMES_WAITING: str(s.waiting),
        topics.FRAMES_UNDER_WAY: str(s.under_way),
        PENDING_KEY: f"{s.pending_age:.3f}",
        "masks withheld (no drivable area)": str(s.masks_withheld),
        "masks withheld (out of domain)": str(s.out_of_domain),
        **_health(s.health),
    }
    for name, numbers in (
        ("gap between arrivals", s.arrival_gap),
        (topics.AGE_AT_START, s.age_at_start),
        (topics.LATENCY, s.latency),
        ("latency from stamp", s.stamp_latency),
    ):
        values |= _percentiles(name, numbers)
    if s.spread is not None:
        values |= {
            "score drift (share of pixels)": f"{s.spread.rare:.6g}",
            "common scores (share of pixels)": f"{s.spread.common:.6g}",
            "constant scores (share of frames)": f"{s.spread.constant:.6g}",
        }
    return values | {
        "score drift expected (share of pixels)": f"{configured.drift.rare_rate:g}",
        "common scores expected (share of pixels)": f"{configured.drift.common_rate:g}",
    }


def _health(health: FrameHealth) -> dict[str, str]:
    values = {topics.HEALTH: health.state.text, topics.HEALTH_CAUSE: health.cause}
    for measure, value in zip(MEASURES, health.values, strict=bool(health.values)):
        values[topics.health_key(measure.name)] = f"{value:.4g}"
    for measure, off in zip(MEASURES, health.excess, strict=bool(health.excess)):
        values[topics.health_excess_key(measure.name)] = f"{off:.2f}"
    return values


def _percentiles(name: str, numbers: Percentiles | None) -> dict[str, str]:
    """Return a row for each number, so that a tool can plot it; none without numbers."""
    if numbers is None:
        return {}
    return {
        topics.percentile_key(name, percentile): f"{getattr(numbers, percentile):.2f}"
        for percentile in ("p50", "p95", "p99")
    }
