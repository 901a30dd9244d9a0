# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every picture of a bag with its labels, and a warning for each part that is damaged or missing.

What cannot be read is skipped with a warning; reading continues.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
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
from cosme_ros.messages.images import BgrImage, DecodeError, decode_compressed, decode_image
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
    """PNG files named by the stamp of their frame in nanoseconds, or as `sources` defines."""
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

Report = Callable[[str, str], object]
"""Takes a kind of warning and a sentence; of each, the first one and the number are reported."""


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


class LabelReader:
    """Reads labels, gives their ids a meaning, and records which ids there are.

    Args:
        settings: where labels are, and what their ids mean.
        source: path of the frames; a folder of its name in the label folder is theirs alone.
        max_pixels: width times height of the largest label that is read.
    """

    def __init__(
        self, settings: LabelSettings, source: Path, *, max_pixels: int = MAX_IMAGE_PIXELS
    ) -> None:
        self._values = _label_values(settings)
        self._held = np.zeros(1 << 16, bool)
        self._max_pixels = max_pixels
        self._folder = settings.folder
        if self._folder is not None and (self._folder / source.stem).is_dir():
            self._folder = self._folder / source.stem

    def label_of(
        self,
        image: BgrImage,
        frame: str,
        names: Sequence[str],
        report: Report,
        message: BagMessage | None = None,
    ) -> NDArray[np.uint8] | None:
        """Return the label of a picture; None, with a warning, where it cannot be read.

        Args:
            image: uint8 [H, W, 3] BGR.
            frame: what the warning calls the frame.
            names: of a file in the label folder, as in `of_folder`.
            report: takes warnings.
            message: an Image of ids, in place of a file.
        """
        try:
            if message is None:
                label = self.of_folder(names)
            else:
                ids = ids_of_message(content_of(message), max_pixels=self._max_pixels)
                label = self._meaning(ids)
        except (BagError, DecodeError) as error:
            report("label", f"the label of {frame} is left out: {error}")
            return None
        if label is not None and label.shape != image.shape[:2]:
            report(
                "size of labels",
                f"labels are {label.shape[1]}x{label.shape[0]} pixels and pictures "
                f"{image.shape[1]}x{image.shape[0]}: scores are brought to the labels' size for "
                "AP, AUROC and FPR95, and labels to the pictures' for all else",
            )
        return label

    def of_folder(self, names: Sequence[str]) -> NDArray[np.uint8] | None:
        """Return the label in the label folder that has one of these names.

        Args:
            names: without suffix; the first for which there is a file counts. A number is also
                found with zeros before it.

        Returns:
            uint8 [h, w]; None without such a file, or without a label folder.

        Raises:
            BagError: the file cannot be read as a label.
        """
        file = self._file_of(names)
        if file is None:
            return None
        try:
            return self._meaning(ids_of_file(file.read_bytes(), max_pixels=self._max_pixels))
        except (OSError, DecodeError) as error:
            raise BagError(f"{file} cannot be read as labels: {error}") from error

    def held(self) -> tuple[int, ...]:
        """Return every id that the labels read so far hold, rising."""
        return tuple(np.flatnonzero(self._held).tolist())

    def _meaning(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        self._held[ids] = True
        return np.asarray(self._values[ids], np.uint8)

    def _file_of(self, names: Sequence[str]) -> Path | None:
        if self._folder is None:
            return None
        for name in names:
            file = self._folder / f"{name}{LABEL_SUFFIX}"
            if file.exists():
                return file
            if name.isdecimal() and int(name) in self._by_number:
                return self._by_number[int(name)]
        return None

    @cached_property
    def _by_number(self) -> dict[int, Path]:
        assert self._folder is not None
        files = sorted(self._folder.glob(f"*{LABEL_SUFFIX}"), reverse=True)
        return {int(file.stem): file for file in files if file.stem.isdecimal()}


class BagFrames(AbstractContextManager["BagFrames"]):
    """An open bag's frames; a context manager. Raises BagError where there is no picture at all."""

    live = False

    def __init__(
        self,
        path: Path,
        *,
        image_topic: str | None,
        labels: LabelSettings,
        report: Report,
        max_pixels: int = MAX_IMAGE_PIXELS,
    ) -> None:
        self._report = report
        self._max_pixels = max_pixels
        self._labels = labels
        self._bag = Bag(path, lambda sentence: report(sentence, sentence))
        try:
            self.image_topic = self._choose_pictures(image_topic)
            self.label_topic = self._choose_labels()
        except BaseException:
            self._bag.__exit__(None, None, None)
            raise
        self.name = self._bag.path.name
        self.count = self._bag.counts[self.image_topic]
        """Number of pictures, as far as it is known before reading."""
        self._reader = LabelReader(labels, self._bag.path, max_pixels=max_pixels)

    def __exit__(self, *_: object) -> None:
        self._bag.__exit__(None, None, None)

    def read(self) -> Generator[BagFrame, None, None]:
        """Yield the frames in the order of the bag."""
        wanted = [topic for topic in (self.image_topic, self.label_topic) if topic]
        index, latest, unlabelled = -1, None, 0
        for messages in join_by_stamp(self._bag.messages(wanted), len(wanted)):
            message = messages.get(self.image_topic)
            if message is None:
                self._report(
                    "label without a picture",
                    f"a label with stamp {messages[self.label_topic].stamp} ns belongs to no "
                    "picture; it is left out",
                )
                continue
            index += 1
            if message.error is None and latest is not None and message.stamp < latest:
                self._report(
                    "stamps go backwards",
                    f"stamps go backwards at frame {index}: from {latest} to {message.stamp} ns; "
                    "frames are taken in the order of the bag",
                )
            if message.error is None:  # packets without a picture come in their own order
                latest = message.stamp
            frame = self._frame(index, message, messages.get(self.label_topic))
            if frame is None:
                continue
            unlabelled += frame.label is None
            yield frame
        if unlabelled and (self.label_topic or self._labels.folder) and unlabelled <= index:
            self._report(
                "without labels",
                f"{unlabelled} of {index + 1} frames have no label with their stamp; they are "
                "judged as frames without labels",
            )
        elif unlabelled and self._labels.folder is not None:
            self._report(
                "no labels at all",
                f"no picture has a label in {self._labels.folder}: a label is named by the stamp "
                f"of its picture in nanoseconds, for example {latest}{LABEL_SUFFIX}",
            )

    def label_values(self) -> tuple[int, ...]:
        """Return every value that the labels read so far hold, rising."""
        return self._reader.held()

    def _choose_pictures(self, wanted: str | None) -> str:
        if wanted is not None:
            self._bag.type_of(wanted, among=PICTURE_TYPES)
            return wanted
        no_pictures = {self._labels.topic or topics.CAMERA_LABELS}
        found = [
            name
            for name, kind in self._bag.topics.items()
            if kind in PICTURE_TYPES and name not in no_pictures
        ]
        if topics.CAMERA_IMAGE in found:
            return topics.CAMERA_IMAGE
        if len(found) == 1:
            return found[0]
        if found:
            raise BagError(f"pictures are on {', '.join(sorted(found))}; choose with --image-topic")
        raise BagError(
            f"no topic of bag {self._bag.path} holds pictures ({' or '.join(PICTURE_TYPES)}, or "
            f"packets of H.264 or H.265). {self._bag.listed_topics()}"
        )

    def _choose_labels(self) -> str:
        wanted = self._labels.topic
        if self._labels.folder is not None or wanted == "":
            return ""
        topic = topics.CAMERA_LABELS if wanted is None else wanted
        kind = self._bag.topics.get(topic)
        if kind is None:
            if wanted is not None:
                self._report(
                    "no label topic",
                    f"there is no label topic '{topic}'; the bag is judged without labels",
                )
            return ""
        if kind != IMAGE:
            self._report(
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
            self._report(
                f"picture: {error.reason}",
                f"the picture of frame {index}, stamp {message.stamp} ns, is left out: {error}",
            )
            return None
        name = f"frame {index}, stamp {message.stamp} ns,"
        names = (str(message.stamp),)
        label = self._reader.label_of(image, name, names, self._report, labels)
        return BagFrame(index, message.stamp, message.bag_time, picture.header, image, label)


def at_size(label: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return a label image resized by nearest neighbour at pixel centres.

    Args:
        label: uint8 [H, W].
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        uint8 [height, width]; `label` itself where it already has this size.
    """
    if label.shape == (height, width):
        return label
    resized = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(np.uint8, copy=False)


def _label_values(labels: LabelSettings) -> NDArray[np.uint8]:
    """Return the meaning of each id, uint8 [65536]."""
    values = np.full(1 << 16, NORMAL, np.uint8)
    values[list(labels.ignored_ids)] = IGNORED
    values[list(labels.anomaly_ids)] = ANOMALY
    return values
