# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judges the state of the detector for /diagnostics. Arithmetic and words, no ROS."""

from dataclasses import dataclass
from enum import IntEnum

from cosme_ros import topics
from cosme_ros.streaming.frame_statistics import WINDOW, Percentiles, Snapshot

INPUT_TIMEOUT = 1.0  # seconds; a road changes within it
DRIFT_RATE = 0.01  # false-positive rate at which drift is watched: common enough to measure
DRIFT_FACTOR = 10.0  # times the promised share: an obstacle alone does not fill a tenth of the road
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
    drift_rate: float


@dataclass(frozen=True)
class Report:
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
) -> Report:
    """One status of /diagnostics.

    `state` is the lifecycle state; `refusal` the sentence of the last transition that failed, None
    after one that succeeded; `snapshot` is given while the node is active; `missing_input_reason`
    says why no image may be coming, as far as the graph shows, and is used when none came for
    INPUT_TIMEOUT.
    """
    values = {"state": state}
    if configured is not None:
        values |= {
            "bundle": configured.bundle,
            "provider": configured.provider,
            "false positive rate": f"{configured.false_positive_rate:g}",
            "alarm threshold (raw score)": f"{configured.threshold:.6g}",
        }
    if refusal is not None:
        values[topics.REFUSAL] = refusal
        return Report(Level.ERROR, f"{state}: {refusal}", values)
    if configured is None or snapshot is None:
        return Report(Level.WARN, f"{state}: no obstacles are looked for", values)
    values |= _numbers(snapshot, configured)
    level, message = _judge(snapshot, configured, missing_input_reason)
    return Report(level, message, values)


def _judge(
    s: Snapshot, configured: Configured, missing_input_reason: str | None
) -> tuple[Level, str]:
    if s.seconds_since_input > INPUT_TIMEOUT:
        hint = f": {missing_input_reason}" if missing_input_reason else ""
        return Level.STALE, f"no image for {s.seconds_since_input:.1f} s{hint}"
    lost = {**s.recent_failures, **({LATE: s.recent_late} if s.recent_late else {})}
    failures = ", ".join(f"{count} x {reason}" for reason, count in lost.items())
    if SCORE_FAULT in s.recent_failures:
        return Level.ERROR, f"the score is not a number, nothing was published: {failures}"
    if lost and not s.recent_processed:
        return Level.ERROR, f"no frame of the last {WINDOW:g} s could be used: {failures}"
    if lost:
        return Level.WARN, f"frames skipped in the last {WINDOW:g} s: {failures}"
    if s.recent_masks_withheld:
        return Level.WARN, (
            f"no drivable area in {s.recent_masks_withheld} frames of the last {WINDOW:g} s: "
            "their obstacle masks were withheld"
        )
    if s.drift_share is not None and s.drift_share > DRIFT_FACTOR * configured.drift_rate:
        return Level.WARN, (
            f"{s.drift_share:.1%} of the pixels reach the score that {configured.drift_rate:.1%} "
            "reached in calibration: these are not the scenes the bundle was fitted on"
        )
    return Level.OK, f"{s.output_rate:.1f} frames/s"


def _numbers(s: Snapshot, configured: Configured) -> dict[str, str]:
    values = {
        "input rate (1/s)": f"{s.input_rate:.2f}",
        "output rate (1/s)": f"{s.output_rate:.2f}",
        topics.FRAMES_RECEIVED: str(s.received),
        topics.FRAMES_PROCESSED: str(s.processed),
        topics.FRAMES_DROPPED: str(s.dropped),
        f"frames late ({LATE})": str(s.late),
        topics.FRAMES_FAILED: str(sum(s.failed.values())),
        **{f"frames failed: {reason}": str(count) for reason, count in sorted(s.failed.items())},
        "masks withheld (no drivable area)": str(s.masks_withheld),
    }
    for name, numbers in (
        ("gap between arrivals", s.arrival_gap),
        (topics.AGE_AT_START, s.age_at_start),
        (topics.LATENCY, s.latency),
        ("latency from stamp", s.stamp_latency),
    ):
        values |= _percentiles(name, numbers)
    if s.drift_share is not None:
        values["score drift (share of pixels)"] = f"{s.drift_share:.6g}"
    values["score drift expected (share of pixels)"] = f"{configured.drift_rate:g}"
    return values


def _percentiles(name: str, numbers: Percentiles | None) -> dict[str, str]:
    """One row a number, so that a tool can plot it; no row where there is none."""
    if numbers is None:
        return {}
    return {
        topics.percentile_key(name, percentile): f"{getattr(numbers, percentile):.2f}"
        for percentile in ("p50", "p95", "p99")
    }
