# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What happened to the frames: counters since activation, rates and latencies of late."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from cosme_ros.health.state import NO_HEALTH, FrameHealth
from cosme_ros.streaming.score_drift import ScoreSpread, mean_spread

WINDOW = 10.0  # seconds; rates, percentiles and drift are taken over this
UNEXPECTED = "unexpected error"
"""Reason of a failure that is no fault of the frame: the networks or the device are at fault."""


@dataclass(frozen=True)
class Percentiles:
    """In milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass
class FrameCounts:
    """All frames received are processed, dropped, late, failed, waiting or under way."""

    received: int = 0
    processed: int = 0
    dropped: int = 0
    late: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    waiting: int = 0
    under_way: int = 0
    masks_withheld: int = 0
    unconfirmed: int = 0
    """Obstacles of the newest frame that are not published, because an alarm needs more frames."""
    unconfirmed_frames: int = 0
    """Frames that had such obstacles."""
    health: FrameHealth = NO_HEALTH
    """Of the newest frame."""
    out_of_domain: int = 0
    """Frames whose mask was withheld for it."""


@dataclass(kw_only=True)
class Snapshot(FrameCounts):
    """The counts at a moment, with rates and latencies of late.

    `pending_age` is how long, in seconds, frames have been waiting or under way without any frame
    being processed, failed or late; 0.0 where none waits or is under way. It grows for as long as
    the frame under way hangs, also of a camera whose frames only wait for it.

    Rates are frames a second over the last WINDOW seconds, or since the start where that is
    shorter. Percentiles and means are None when the window holds nothing to take them of.
    `arrival_gap` is the time between one frame's arrival and the next.
    """

    pending_age: float
    input_rate: float
    output_rate: float
    arrival_gap: Percentiles | None
    age_at_start: Percentiles | None
    latency: Percentiles | None
    stamp_latency: Percentiles | None
    spread: ScoreSpread | None
    seconds_since_input: float
    recent_processed: int
    recent_late: int
    recent_failures: dict[str, int]
    recent_masks_withheld: int


@dataclass(frozen=True)
class Progress:
    """Whether results come, times in seconds.

    `processed` and `failed` count frames since the start; `pending_age` is as in Snapshot.
    `failing_age` is for how long frames have failed as UNEXPECTED with no result between them, from
    the first to the last of these; 0.0 where there is none since the last result.
    """

    processed: int
    failed: int
    pending_age: float
    failing_age: float


@dataclass(frozen=True)
class Processed:
    """One frame that made it, times in seconds.

    `age_at_start` is arrival to the begin of work, `latency` arrival to published (both by this
    machine's monotonic clock), `stamp_latency` the message's stamp to published, None where the
    stamp is not of the node's clock.
    """

    age_at_start: float
    latency: float
    stamp_latency: float | None
    spread: ScoreSpread
    mask_withheld: bool
    unconfirmed: int = 0
    """Obstacles that are not published, because an alarm needs more frames."""
    health: FrameHealth = NO_HEALTH
    out_of_domain: bool = False


class FrameStatistics:
    """Counts frames. All methods may be called from any thread.

    A frame is received, then dropped, missed or begun; one that was begun is then processed, failed
    or abandoned. Times are of the monotonic clock: neither ROS time nor the system's can stop them.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._last_input = self._started
        self._counts = FrameCounts()
        self._pending_since: float | None = None
        self._failing_since: float | None = None
        self._failing_until = 0.0
        self._inputs: deque[tuple[float, None]] = deque()
        self._outputs: deque[tuple[float, Processed]] = deque()
        self._misses: deque[tuple[float, None]] = deque()
        self._failures: deque[tuple[float, str]] = deque()

    def receive(self) -> None:
        """Count a frame that has arrived and now waits."""
        with self._lock:
            self._counts.received += 1
            self._counts.waiting += 1
            self._last_input = self._clock()
            if self._pending_since is None:
                self._pending_since = self._last_input
            self._inputs.append((self._last_input, None))
            self._forget(self._last_input)

    def drop(self) -> None:
        """Count a waiting frame that was displaced by a newer one, or by the end."""
        with self._lock:
            self._counts.waiting -= 1
            self._counts.dropped += 1
            self._forget_pending()

    def miss(self) -> None:
        """Count a waiting frame that was older than the deadline when it was taken."""
        with self._lock:
            self._counts.waiting -= 1
            self._counts.late += 1
            self._misses.append((self._end_one(), None))

    def begin(self) -> None:
        """Count a waiting frame as under way."""
        with self._lock:
            self._counts.waiting -= 1
            self._counts.under_way += 1

    def abandon(self) -> None:
        """Count a frame under way that the end of processing interrupted."""
        with self._lock:
            self._counts.under_way -= 1
            self._counts.dropped += 1
            self._forget_pending()

    def fail(self, reason: str) -> None:
        """Count a frame under way that failed for `reason`."""
        with self._lock:
            self._counts.under_way -= 1
            self._counts.failed[reason] += 1
            now = self._end_one()
            self._failures.append((now, reason))
            if reason == UNEXPECTED:
                self._failing_until = now
                if self._failing_since is None:
                    self._failing_since = now

    def process(self, frame: Processed) -> None:
        """Count a frame under way that is processed."""
        with self._lock:
            self._counts.under_way -= 1
            self._counts.processed += 1
            self._counts.masks_withheld += frame.mask_withheld
            self._counts.unconfirmed = frame.unconfirmed
            self._counts.unconfirmed_frames += frame.unconfirmed > 0
            self._counts.out_of_domain += frame.out_of_domain
            self._counts.health = frame.health
            self._failing_since = None
            self._outputs.append((self._end_one(), frame))

    def output_rate(self) -> float:
        """Return the output rate as in `snapshot`, without the cost of the rest."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            return len(self._outputs) / self._span(now)

    def progress(self) -> Progress:
        """Return whether results come, without the cost of `snapshot`."""
        with self._lock:
            return Progress(
                processed=self._counts.processed,
                failed=sum(self._counts.failed.values()),
                pending_age=self._pending_age(self._clock()),
                failing_age=0.0
                if self._failing_since is None
                else self._failing_until - self._failing_since,
            )

    def snapshot(self) -> Snapshot:
        """Return the statistics now: totals, and rates over the recent window."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            span = self._span(now)
            frames = [frame for _, frame in self._outputs]
            stamped = [f.stamp_latency for f in frames if f.stamp_latency is not None]
            return Snapshot(
                **{**vars(self._counts), "failed": self._counts.failed.copy()},
                pending_age=self._pending_age(now),
                input_rate=len(self._inputs) / span,
                output_rate=len(frames) / span,
                arrival_gap=percentiles(np.diff([arrived for arrived, _ in self._inputs])),
                age_at_start=percentiles(f.age_at_start for f in frames),
                latency=percentiles(f.latency for f in frames),
                stamp_latency=percentiles(stamped),
                spread=mean_spread([frame.spread for frame in frames]),
                seconds_since_input=now - self._last_input,
                recent_processed=len(frames),
                recent_late=len(self._misses),
                recent_failures=dict(Counter(reason for _, reason in self._failures)),
                recent_masks_withheld=sum(f.mask_withheld for f in frames),
            )

    def _end_one(self) -> float:
        """Return the time, at which a frame ended: what is still pending counts from here on."""
        now = self._clock()
        self._pending_since = now
        self._forget_pending()
        return now

    def _pending_age(self, now: float) -> float:
        return 0.0 if self._pending_since is None else now - self._pending_since

    def _forget_pending(self) -> None:
        if self._counts.waiting + self._counts.under_way == 0:
            self._pending_since = None

    def _span(self, now: float) -> float:
        return max(min(WINDOW, now - self._started), 1e-9)

    def _forget(self, now: float) -> None:
        for events in (self._inputs, self._outputs, self._misses, self._failures):
            while events and events[0][0] < now - WINDOW:
                events.popleft()


def percentiles(seconds: Iterable[float]) -> Percentiles | None:
    """Return percentiles, in milliseconds, of durations in seconds; None without any."""
    values = np.asarray(list(seconds), np.float64)
    if values.size == 0:
        return None
    p50, p95, p99 = np.percentile(values * 1000.0, (50, 95, 99))
    return Percentiles(float(p50), float(p95), float(p99))
