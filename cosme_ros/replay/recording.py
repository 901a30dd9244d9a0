# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads what `recorder_node` wrote: frames joined by stamp, latencies, what the detector counted.

No ROS needed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosme_ros import topics
from cosme_ros.bags.reading import JOIN_WINDOW, Bag, BagError, LabelledFrame
from cosme_ros.messages.images import BgrImage
from cosme_ros.replay.streaming_accuracy import FrameTimes

SCORE = topics.resolve(topics.OUTPUT_SCORE)
MASK = topics.resolve(topics.OUTPUT_MASK)
OVERLAY = topics.resolve(topics.OUTPUT_OVERLAY)
STATUS = topics.status(topics.resolve(topics.DETECTOR_NODE))
"""Of the detector that was recorded; a second one in the domain has another."""


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


@dataclass(frozen=True)
class DetectorCounts:
    """The detector's counts in one message on /diagnostics."""

    received: int
    processed: int
    dropped: int
    failed: int
    values: dict[str, str]
    """All values of the message."""


class Recording:
    """A bag of the recorder's. `label_topic` is empty where no labels were played."""

    def __init__(self, path: str | Path, image_topic: str, label_topic: str = "") -> None:
        self.path = Path(path)
        self._image_topic = image_topic
        self._label_topic = label_topic

    @cached_property
    def times(self) -> list[FrameTimes]:
        """Return the times of every frame, in the order in which the pictures arrived.

        A score whose picture was not recorded is left out. Raises BagError.
        """
        topics = (self._image_topic, SCORE, MASK)
        arrivals: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        with Bag(self.path) as bag:
            for message in bag.messages(topics):
                arrivals[message.topic].setdefault(message.stamp, message.bag_time)
        pictures, scores, masks = (arrivals[topic] for topic in topics)
        return [
            FrameTimes(stamp, arrival, scores.get(stamp), masks.get(stamp))
            for stamp, arrival in pictures.items()
        ]

    @property
    def _window(self) -> int:
        """Return the frames among which the messages of one lie: outputs come late."""
        arrivals = np.array([frame.picture for frame in self.times], np.int64)
        last = [max(frame.score or 0, frame.mask or 0) for frame in self.times]
        lags = np.searchsorted(arrivals, last) - np.arange(len(last))
        return JOIN_WINDOW + int(lags.max(initial=0))

    def outputs(self) -> Iterator[Output]:
        """Yield the outputs in order; frames without a score are left out. Raises BagError."""
        with Bag(self.path) as bag:
            topics = [self._image_topic, SCORE, MASK]
            # Neither overlay nor labels need have been recorded.
            topics += [t for t in (OVERLAY, self._label_topic) if t in bag.topics]
            for frame in bag.joined(topics, window=self._window):
                if SCORE not in frame or self._image_topic not in frame:
                    continue
                label = frame.get(self._label_topic)
                mask, overlay = frame.get(MASK), frame.get(OVERLAY)
                yield Output(
                    stamp=frame[SCORE].stamp,
                    image=bag.picture(frame[self._image_topic]),
                    label=None if label is None else bag.plane(label, "mono8"),
                    score=bag.plane(frame[SCORE], "32FC1"),
                    mask=None if mask is None else bag.plane(mask, "mono8"),
                    overlay=None if overlay is None else bag.picture(overlay),
                )

    def unanswered(self) -> Iterator[LabelledFrame]:
        """Yield the pictures that were played and have no score, with their labels.

        Raises:
            BagError: the recording cannot be read.
        """
        answered = {frame.stamp for frame in self.times if frame.score is not None}
        with Bag(self.path) as bag:
            for frame in bag.joined([t for t in (self._image_topic, self._label_topic) if t]):
                image, label = frame.get(self._image_topic), frame.get(self._label_topic)
                if image is None or image.stamp in answered:
                    continue
                yield LabelledFrame(
                    stamp=image.stamp,
                    image=bag.picture(image),
                    label=None if label is None else bag.plane(label, "mono8"),
                )

    def judged_by(
        self, judges: Mapping[int, int | None]
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32] | None]]:
        """Yield the labels of each frame with the score of another frame, in no particular order.

        Args:
            judges: stamp of a frame to the stamp of the score that it is judged by, or to None.

        Yields:
            uint8 [H, W], and float32 [H, W] or None, for every frame of `judges` with labels.

        Raises:
            BagError: the recording cannot be read.
        """
        if not self._label_topic:
            return
        # A score is kept until the last labels that ask for it have come, labels until their score.
        with Bag(self.path) as bag:
            labelled = [message.stamp for message in bag.messages([self._label_topic])]
        asked = Counter(judges[stamp] for stamp in labelled if stamp in judges)
        scores: dict[int | None, NDArray[np.float32] | None] = {None: None}
        waiting: dict[int | None, list[NDArray[np.uint8]]] = {}
        with Bag(self.path) as bag:
            for message in bag.messages([SCORE, self._label_topic]):
                if message.topic == SCORE:
                    judge: int | None = message.stamp
                    if not asked[judge]:
                        continue
                    scores[judge] = bag.plane(message, "32FC1")
                elif message.stamp in judges:
                    judge = judges[message.stamp]
                    waiting.setdefault(judge, []).append(bag.plane(message, "mono8"))
                else:
                    continue
                if judge in scores:
                    for label in waiting.pop(judge, []):
                        asked[judge] -= 1
                        yield label, scores[judge]
                    if judge is not None and not asked[judge]:
                        del scores[judge]

    def counts(self) -> DetectorCounts:
        """Return the counts in the last diagnostics of the active detector.

        Raises:
            BagError: there are none.
        """
        newest: dict[str, str] = {}
        with Bag(self.path) as bag:
            for message in bag.messages([topics.DIAGNOSTICS]):
                for status in bag.decode(message).status:
                    values = {entry.key: entry.value for entry in status.values}
                    if status.name == STATUS and topics.FRAMES_RECEIVED in values:
                        newest = values
        if not newest:
            raise BagError(
                f"{self.path} holds no diagnostics of an active {topics.DETECTOR_NODE}: did it run?"
            )
        return DetectorCounts(
            received=int(newest[topics.FRAMES_RECEIVED]),
            processed=int(newest[topics.FRAMES_PROCESSED]),
            dropped=int(newest[topics.FRAMES_DROPPED]),
            failed=int(newest[topics.FRAMES_FAILED]),
            values=newest,
        )
