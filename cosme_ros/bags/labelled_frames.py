# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every picture of a bag with its labels, and a sentence for each thing that is not as it should.

What cannot be read is left out and told; nothing of that ends the reading.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros import topics
from cosme_ros.bags.reading import (
    COMPRESSED_IMAGE,
    IMAGE,
    Bag,
    BagError,
    BagMessage,
    content_of,
    join_by_stamp,
)
from cosme_ros.messages.images import (
    BgrImage,
    DecodeError,
    decode_compressed,
    decode_image,
)
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS
from cosme_ros.metrics.labels import ANOMALY, IGNORED, NORMAL, ids_of_file, ids_of_message


@dataclass(frozen=True)
class LabelSettings:
    """Where labels come from, and what their values mean; any other value is normal.

    Raises:
        ValueError: settings that contradict each other, or a folder that does not exist.

    >>> LabelSettings(anomaly_ids=(1, 2)).ignored_ids
    (255,)
    """

    topic: str | None = None
    """None: the usual one, if the bag has it; empty: none."""
    folder: Path | None = None
    """Pictures named by the stamp of their frame in nanoseconds."""
    anomaly_ids: tuple[int, ...] = (1,)
    ignored_ids: tuple[int, ...] = (255,)

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise ValueError(f"label folder {self.folder} is no folder")
        if self.folder is not None and self.topic:
            raise ValueError("give a label topic or a label folder, not both")
        both = set(self.anomaly_ids) & set(self.ignored_ids)
        if both:
            raise ValueError(f"id {min(both)} cannot be an anomaly and ignored as well")


PICTURE_TYPES = (IMAGE, COMPRESSED_IMAGE)
LABEL_SUFFIX = ".png"

Tell = Callable[[str, str], None]
"""Takes a kind of trouble and a sentence: of many of a kind the first is told, and how many."""


@dataclass(frozen=True)
class BagFrame:
    """One picture. Times in nanoseconds."""

    index: int
    """Counted from 0 in the order of the bag, undecodable pictures included."""
    stamp: int
    bag_time: int
    header: Any
    """The message's std_msgs/Header."""
    image: BgrImage
    """uint8 [H, W, 3] BGR"""
    label: NDArray[np.uint8] | None
    """uint8 [h, w]: NORMAL, ANOMALY or IGNORED; h, w are H, W as a rule. None: not labelled."""


class BagFrames:
    """An open bag's frames; a context manager. Raises BagError where there is no picture at all."""

    def __init__(
        self,
        path: Path,
        *,
        image_topic: str | None,
        labels: LabelSettings,
        tell: Tell,
        max_pixels: int = MAX_IMAGE_PIXELS,
    ) -> None:
        self._tell = tell
        self._max_pixels = max_pixels
        self._labels = labels
        self._bag = Bag(path, lambda sentence: tell(sentence, sentence))
        try:
            self.image_topic = self._choose_pictures(image_topic)
            self.label_topic = self._choose_labels()
        except BaseException:
            self._bag.__exit__(None, None, None)
            raise
        self.count = self._bag.counts[self.image_topic]
        """How many there are, as far as that can be told beforehand."""
        self._values = _label_values(labels)
        self._held = np.zeros(1 << 16, bool)

    def __enter__(self) -> "BagFrames":
        return self

    def __exit__(self, *_: object) -> None:
        self._bag.__exit__(None, None, None)

    def read(self) -> Generator[BagFrame, None, None]:
        """Frame by frame, in the order of the bag."""
        wanted = [topic for topic in (self.image_topic, self.label_topic) if topic]
        index, latest, unlabelled = -1, None, 0
        for messages in join_by_stamp(self._bag.messages(wanted), len(wanted)):
            message = messages.get(self.image_topic)
            if message is None:
                self._tell(
                    "label without a picture",
                    f"a label with stamp {messages[self.label_topic].stamp} ns belongs to no "
                    "picture; it is left out",
                )
                continue
            index += 1
            if latest is not None and message.stamp < latest:
                self._tell(
                    "stamps go backwards",
                    f"stamps go backwards at frame {index}: from {latest} to {message.stamp} ns; "
                    "frames are taken in the order of the bag",
                )
            latest = message.stamp
            frame = self._frame(index, message, messages.get(self.label_topic))
            if frame is None:
                continue
            unlabelled += frame.label is None
            yield frame
        if unlabelled and (self.label_topic or self._labels.folder) and unlabelled <= index:
            self._tell(
                "without labels",
                f"{unlabelled} of {index + 1} frames have no label with their stamp; they are "
                "judged as frames without labels",
            )
        elif unlabelled and self._labels.folder is not None:
            self._tell(
                "no labels at all",
                f"no picture has a label in {self._labels.folder}: a label is named by the stamp "
                f"of its picture in nanoseconds, for example {latest}{LABEL_SUFFIX}",
            )

    def label_values(self) -> tuple[int, ...]:
        """Every value that the labels read so far hold, rising."""
        return tuple(np.flatnonzero(self._held).tolist())

    def _choose_pictures(self, wanted: str | None) -> str:
        available = self._bag.topics
        listed = "; ".join(f"{name} ({kind})" for name, kind in sorted(available.items()))
        here = f"bag {self._bag.path} has: {listed or 'no topics'}"
        if wanted is not None:
            if wanted not in available:
                raise BagError(f"there is no topic '{wanted}'; {here}")
            if available[wanted] not in PICTURE_TYPES:
                raise BagError(
                    f"topic '{wanted}' is of type {available[wanted]}, but pictures are "
                    f"{' or '.join(PICTURE_TYPES)}; {here}"
                )
            return wanted
        no_pictures = {self._labels.topic or topics.CAMERA_LABELS}
        found = [
            name
            for name, kind in available.items()
            if kind in PICTURE_TYPES and name not in no_pictures
        ]
        if topics.CAMERA_IMAGE in found:
            return topics.CAMERA_IMAGE
        if len(found) == 1:
            return found[0]
        if found:
            raise BagError(f"pictures are on {', '.join(sorted(found))}; choose with --image-topic")
        raise BagError(f"no topic holds pictures ({' or '.join(PICTURE_TYPES)}); {here}")

    def _choose_labels(self) -> str:
        wanted = self._labels.topic
        if self._labels.folder is not None or wanted == "":
            return ""
        topic = topics.CAMERA_LABELS if wanted is None else wanted
        kind = self._bag.topics.get(topic)
        if kind is None:
            if wanted is not None:
                self._tell(
                    "no label topic",
                    f"there is no label topic '{topic}'; the bag is judged without labels",
                )
            return ""
        if kind != IMAGE:
            self._tell(
                "no label topic",
                f"label topic '{topic}' is of type {kind}, but must be {IMAGE}; the bag is judged "
                "without labels",
            )
            return ""
        return topic

    def _frame(self, index: int, message: BagMessage, labels: BagMessage | None) -> BagFrame | None:
        try:
            picture = content_of(message)
            compressed = message.message_type == COMPRESSED_IMAGE
            decode = decode_compressed if compressed else decode_image
            image = decode(picture, max_pixels=self._max_pixels)
        except DecodeError as error:
            self._tell(
                f"picture: {error.reason}",
                f"the picture of frame {index}, stamp {message.stamp} ns, is left out: {error}",
            )
            return None
        label = None
        try:
            if labels is not None:
                label = self._meaning(
                    ids_of_message(content_of(labels), max_pixels=self._max_pixels)
                )
            elif self._labels.folder is not None:
                label = self._from_folder(self._labels.folder, message.stamp)
        except (BagError, DecodeError) as error:
            self._tell(
                "label",
                f"the label of frame {index}, stamp {message.stamp} ns, is left out: {error}",
            )
        if label is not None and label.shape != image.shape[:2]:
            self._tell(
                "size of labels",
                f"labels are {label.shape[1]}x{label.shape[0]} pixels and pictures "
                f"{image.shape[1]}x{image.shape[0]}: scores are brought to the labels' size for "
                "AP, AUROC and FPR95, and labels to the pictures' for all else",
            )
        return BagFrame(index, message.stamp, message.bag_time, picture.header, image, label)

    def _meaning(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        self._held[ids] = True
        return np.asarray(self._values[ids], np.uint8)

    def _from_folder(self, folder: Path, stamp: int) -> NDArray[np.uint8] | None:
        # One folder for all bags, or one of its own for each, named as the bag is.
        own = folder / self._bag.path.stem
        file = (own if own.is_dir() else folder) / f"{stamp}{LABEL_SUFFIX}"
        if not file.exists():
            return None
        try:
            return self._meaning(ids_of_file(file.read_bytes(), max_pixels=self._max_pixels))
        except (OSError, DecodeError) as error:
            raise BagError(f"{file} cannot be read as labels: {error}") from error


def at_size(label: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The label in another size in pixels, each the value at its centre."""
    if label.shape == (height, width):
        return label
    resized = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(np.uint8, copy=False)


def _label_values(labels: LabelSettings) -> NDArray[np.uint8]:
    """By id, uint8 [65536]: what it means."""
    values = np.full(1 << 16, NORMAL, np.uint8)
    values[list(labels.ignored_ids)] = IGNORED
    values[list(labels.anomaly_ids)] = ANOMALY
    return values
