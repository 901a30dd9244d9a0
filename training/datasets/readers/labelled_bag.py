# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a rosbag2 with their labels on another topic."""

from pathlib import Path, PurePosixPath

import numpy as np

from training.datasets.readers.bag import LABEL_ENDING, BagFrames
from training.datasets.readers.label_map import LabelMap
from training.errors import UsageError


class LabelledBag:
    """The frames of one image topic, paired by stamp with the labels on another.

    Labels are images of one channel (mono8, as `make-bag --labels` writes them, or another of
    `cosme_ros.messages.encodings.LABEL_ENCODINGS`), on the topic whose name ends in `/labels`;
    where a bag has several, on the one beside the images: /left/image_raw goes with /left/labels.

    Args:
        path: bag folder, .mcap, .db3 or .bag.
        label_map: from the labels' values to class ids.
        topic: Image or CompressedImage topic; None takes the only one that is no labels'.

    Raises:
        UsageError: no readable bag, no or no single topic of images or labels, a frame or a
            label has no partner of the same stamp; on reading, an image cannot be decoded,
            sizes differ, or a label value is unknown.
    """

    def __init__(self, path: Path, label_map: LabelMap, topic: str | None = None) -> None:
        self.images = BagFrames(path, topic)
        self._labels = BagFrames(path, _label_topic(self.images))
        self._label_map = label_map
        image_at, label_at = _by_stamp(self.images), _by_stamp(self._labels)
        _check_partners(self.images, image_at.keys() - label_at.keys(), self._labels)
        _check_partners(self._labels, label_at.keys() - image_at.keys(), self.images)
        self._stamps = list(image_at)
        self._places = [label_at[stamp] for stamp in self._stamps]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one frame, uint8 [H, W, 3] BGR, and its class ids, uint8 [H, W], 255 = ignore."""
        image = self.images[index]
        place = self._places[index]
        label = self._labels.ids(place)
        where = self._labels.where(place)
        if label.shape != image.shape[:2]:
            raise UsageError(
                f"{where} is {label.shape[1]}x{label.shape[0]}, its image "
                f"{image.shape[1]}x{image.shape[0]}; both must have the same size"
            )
        return image, self._label_map(label, where)

    def frame_name(self, index: int) -> str:
        """Return what to call a frame in a report: its stamp in nanoseconds."""
        return str(self._stamps[index])


def _label_topic(images: BagFrames) -> str:
    topics = [topic for topic in images.image_topics() if topic.endswith(LABEL_ENDING)]
    if len(topics) > 1:
        above = {str(parent) for parent in PurePosixPath(images.topic).parents}
        topics = [topic for topic in topics if topic.removesuffix(LABEL_ENDING) in above]
    if len(topics) != 1:
        raise UsageError(
            f"{images.path} has {len(topics) or 'no'} topics of labels for {images.topic}; "
            f"expected one that ends in {LABEL_ENDING}, as `make-bag --labels` writes it; its "
            f"image topics: {', '.join(images.image_topics())}"
        )
    return topics[0]


def _by_stamp(frames: BagFrames) -> dict[int, int]:
    places: dict[int, int] = {}
    for place, stamp in enumerate(frames.stamps()):
        if stamp in places:
            raise UsageError(
                f"{frames.path} has two messages of stamp {stamp} ns on {frames.topic}; "
                "images and labels are paired by stamp"
            )
        places[stamp] = place
    return places


def _check_partners(frames: BagFrames, unmatched: set[int], partners: BagFrames) -> None:
    if unmatched:
        raise UsageError(
            f"{frames.path}: {len(unmatched)} of {len(frames)} messages on {frames.topic} have no "
            f"partner, the first is stamped {min(unmatched)} ns; expected a message of the same "
            f"stamp on {partners.topic}"
        )
