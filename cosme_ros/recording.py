"""Reads what `recorder_node` wrote: frames joined by stamp, latencies, what the detector counted.

No ROS needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosme_ros import names
from cosme_ros.bag_reading import ANOMALY, Bag, BagError, BagMessage
from cosme_ros.image_codec import BgrImage

SCORE = names.resolve(names.OUTPUT_SCORE)
MASK = names.resolve(names.OUTPUT_MASK)
OVERLAY = names.resolve(names.OUTPUT_OVERLAY)


@dataclass(frozen=True)
class Output:
    """What the detector published for one frame, and what went in. Arrays as camera pixels."""

    stamp: int
    """Nanoseconds since the epoch."""
    image: BgrImage
    """uint8 [H, W, 3] BGR"""
    label: NDArray[np.uint8] | None
    """uint8 [H, W]: values of bag_reading, None where none was recorded"""
    score: NDArray[np.float32]
    """float32 [H, W], 1.0 is the alarm line"""
    mask: NDArray[np.uint8] | None
    """uint8 [H, W], 0 or 255; None where the detector withheld it"""
    overlay: BgrImage | None
    """uint8 [H, W, 3] BGR"""
    latency: float
    """Seconds from the stamp to the arrival of the last of score and mask."""


@dataclass(frozen=True)
class DetectorCounts:
    """What the detector said of itself in one message on /diagnostics."""

    received: int
    processed: int
    dropped: int
    failed: int
    values: dict[str, str]
    """All it said, in its own words."""

    def percentiles(self, name: str) -> dict[str, float] | None:
        """p50, p95 and p99 in milliseconds of `name`, for example "age at start from arrival".

        They are of the last seconds; None when there was no frame in them.
        """
        keys = {p: f"{name} {p} (ms)" for p in ("p50", "p95", "p99")}
        if any(key not in self.values for key in keys.values()):
            return None
        return {p: float(self.values[key]) for p, key in keys.items()}


class Recording:
    """A bag of the recorder's. `label_topic` is empty where no labels were played."""

    def __init__(self, path: str | Path, image_topic: str, label_topic: str = "") -> None:
        self.path = Path(path)
        self._image_topic = image_topic
        self._label_topic = label_topic

    def played(self) -> int:
        """Number of pictures that were published."""
        with Bag(self.path) as bag:
            return bag.count(self._image_topic)

    def latencies(self) -> NDArray[np.float64]:
        """Seconds, one for each frame with an output; see Output.latency."""
        with Bag(self.path) as bag:
            return np.array([_latency(frame) for frame in bag.joined([SCORE, MASK])])

    def anomalous(self) -> dict[int, bool]:
        """Stamp in nanoseconds to whether the labels show an anomaly, for frames with a score."""
        topics = [topic for topic in (SCORE, self._label_topic) if topic]
        shown = {}
        with Bag(self.path) as bag:
            for frame in bag.joined(topics):
                if SCORE in frame:
                    label = frame.get(self._label_topic)
                    shown[frame[SCORE].stamp] = label is not None and bool(
                        (bag.plane(label, "mono8") == ANOMALY).any()
                    )
        return shown

    def outputs(self) -> Iterator[Output]:
        """Frame by frame in order; frames without a score are left out. Raises BagError."""
        topics = [self._image_topic, SCORE, MASK, OVERLAY]
        if self._label_topic:
            topics.append(self._label_topic)
        with Bag(self.path) as bag:
            for frame in bag.joined(topics):
                if SCORE not in frame:
                    continue
                if self._image_topic not in frame:
                    raise BagError(
                        f"the score with stamp {frame[SCORE].stamp} ns in {self.path} belongs to "
                        "no picture that was played"
                    )
                label = frame.get(self._label_topic)
                mask, overlay = frame.get(MASK), frame.get(OVERLAY)
                yield Output(
                    stamp=frame[SCORE].stamp,
                    image=bag.picture(frame[self._image_topic]),
                    label=None if label is None else bag.plane(label, "mono8"),
                    score=bag.plane(frame[SCORE], "32FC1"),
                    mask=None if mask is None else bag.plane(mask, "mono8"),
                    overlay=None if overlay is None else bag.picture(overlay),
                    latency=_latency(frame),
                )

    def statuses(self) -> list[DetectorCounts]:
        """What the active detector said of itself, about once a second."""
        found = []
        with Bag(self.path) as bag:
            for message in bag.messages([names.DIAGNOSTICS]):
                for status in bag.decode(message).status:
                    values = {entry.key: entry.value for entry in status.values}
                    if names.DETECTOR_NODE in status.name and "frames received" in values:
                        found.append(_counts(values))
        return found

    def counts(self) -> DetectorCounts:
        """The last of `statuses`. Raises BagError when there is none."""
        statuses = self.statuses()
        if not statuses:
            raise BagError(
                f"{self.path} holds no diagnostics of an active {names.DETECTOR_NODE}: did it run?"
            )
        return statuses[-1]


def _counts(values: dict[str, str]) -> DetectorCounts:
    return DetectorCounts(
        received=int(values["frames received"]),
        processed=int(values["frames processed"]),
        dropped=int(values["frames dropped (a newer one came)"]),
        failed=int(values["frames failed"]),
        values=values,
    )


def _latency(frame: dict[str, BagMessage]) -> float:
    outputs = [frame[topic] for topic in (SCORE, MASK) if topic in frame]
    return max(message.bag_time - message.stamp for message in outputs) * 1e-9
