# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Looks through bags for their stamps: how long they are and of which cameras, at little cost.

A bag that is cut off or damaged counts as far as it can be read.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosme_ros import topics
from cosme_ros.bags.labelled_frames import BagFrame, LabelSettings
from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, Bag, BagError, frame_id_of
from cosme_ros.bundle.loading import sha256_of
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.static_mask import StaticMask
from cosme_ros.sources.interface import FRAME_RATE, SourceError
from cosme_ros.sources.labelled import FRAME_ID, open_labelled_frames
from cosme_ros.sources.opening import is_read_as_bag
from cosme_ros.visualization.text import counted

_RARE = 0.05  # share of a topic's pictures
_MOST_WARNINGS = 10  # of each bag; one of each broken message could be thousands


@dataclass(frozen=True)
class Scoring:
    """How frames become scores; all of it changes what comes out."""

    image_topics: tuple[str, ...] = (topics.CAMERA_IMAGE,)
    label_topic: str = topics.CAMERA_LABELS
    """Used in the bags that have it; '' for none."""
    region: str = Settings.region
    """'everything' or 'drivable', as the node's parameter."""
    minimum_area: int = Settings.minimum_area
    """Pixels of the camera image or 0, as the node's parameter."""
    temporal: str = Settings.temporal
    """'none' or 'flow', as the node's parameter."""
    static_mask: StaticMask | None = None
    """What of the image is looked at; None for all of it."""
    orientation: ImageOrientation = AS_IT_IS
    """How the camera's images become upright, as the node's parameters."""
    frame_rate: float = FRAME_RATE
    """Of a folder of images that are not named by stamps, in frames a second."""


@dataclass(frozen=True)
class SurveyedBag:
    """What a bag holds, by its stamps and files."""

    path: Path
    files: Mapping[str, str]
    """Name to SHA-256; of a folder of images one, of the list of its files' SHA-256 and names."""
    stamps: Mapping[str, NDArray[np.int64]]
    """Camera (frame_id) to the stamps of its frames in nanoseconds, strictly rising."""
    frames: int
    """Messages with a picture."""
    pictures: frozenset[bytes]
    """A digest of each message with a picture."""
    warnings: tuple[str, ...]
    """What of the bag cannot be read, a sentence each."""


def survey(
    path: Path,
    scoring: Scoring,
    *,
    on_frames: Callable[[int], object],
    on_warning: Callable[[str], object],
) -> SurveyedBag:
    """Look through a bag as far as it can be read; each part that cannot is reported at once.

    A frame_id that hardly any picture of a topic has is a damaged one: one flipped bit would be a
    camera of its own, with too little drive for anything.

    Raises BagError where nothing of it can be read, it has none of the topics, or its stamps are
    all the same.
    """
    stamps: dict[str, set[int]] = {}
    by_topic: dict[str, Counter[str]] = {}
    pictures: set[bytes] = set()
    frames = 0
    warnings: list[str] = []

    def warn(sentence: str) -> None:
        warnings.append(sentence)
        if len(warnings) <= _MOST_WARNINGS:
            on_warning(sentence)

    for topic, camera, stamp, content in _pictures(path, scoring, warn):
        by_topic.setdefault(topic, Counter())[camera] += 1
        stamps.setdefault(camera, set()).add(stamp)
        if content:
            pictures.add(hashlib.blake2b(content, digest_size=16).digest())
        frames += 1
        on_frames(1)
    for sentence, camera in _rare_cameras(path, by_topic):
        warn(sentence)
        del stamps[camera]
    _check_stamps(path, by_topic, stamps)
    if warnings:
        further = len(warnings) - _MOST_WARNINGS
        if further > 0:
            warnings[_MOST_WARNINGS:] = [f"{path}: {further} more sentences like these"]
            on_warning(warnings[-1])
        on_warning(f"{path}: {counted(frames, 'picture')} of it can be read and used")
    return SurveyedBag(
        path=Path(path),
        files=_digests(Path(path).expanduser()),
        stamps={
            camera: np.array(sorted(found), np.int64) for camera, found in sorted(stamps.items())
        },
        frames=frames,
        pictures=frozenset(pictures),
        warnings=tuple(warnings),
    )


def _pictures(
    path: Path, scoring: Scoring, warn: Callable[[str], None]
) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield topic, camera, stamp and content of each picture; b'' of one that all drives have."""
    if not is_recorded_bag(path):
        for frame in read_source(path, scoring, report=warn):
            # Black images at the start of two videos do not make them one drive.
            varied = frame.image.min() < frame.image.max()
            yield "", FRAME_ID, frame.stamp, frame.image.tobytes() if varied else b""
        return
    with Bag(path, warn) as bag:
        if scoring.label_topic in bag.topics:  # reported now, and not after hours
            bag.type_of(scoring.label_topic, among=(IMAGE,))
        for message in bag.messages(topics_of(bag, scoring), decode_video=False):
            yield message.topic, frame_id_of(message.cdr), message.stamp, message.cdr


def _rare_cameras(path: Path, by_topic: Mapping[str, Counter[str]]) -> list[tuple[str, str]]:
    """Return a warning and the frame_id, for each frame_id that is rare on all topics."""
    often, rare = set(), {}
    for topic, counts in by_topic.items():
        for camera, count in counts.items():
            if count < _RARE * counts.total():
                usual = counts.most_common(1)[0][0]
                rare[camera] = (
                    f"{path}: {counted(count, 'picture')} on '{topic}' left out, whose frame_id is "
                    f"'{camera}' and not '{usual}': damaged, or of another camera"
                )
            else:
                often.add(camera)
    return [(sentence, camera) for camera, sentence in rare.items() if camera not in often]


def _check_stamps(
    path: Path, by_topic: Mapping[str, Counter[str]], stamps: Mapping[str, set[int]]
) -> None:
    """Raise BagError where all pictures of a camera have one stamp: no time passes then."""
    for camera, found in stamps.items():
        count = sum(counts[camera] for counts in by_topic.values())
        if count > 1 and len(found) == 1:
            raise BagError(
                f"all {count} pictures of camera '{camera}' in {path} have the same stamp, "
                f"{min(found)} ns: the camera's driver does not set header.stamp. Alarms an hour "
                "are counted by it; give drives whose stamps are right"
            )


def check_distinct(bags: Sequence[SurveyedBag]) -> None:
    """Raise BagError where two bags hold the same frame: one drive is not two."""
    owners: dict[bytes, Path] = {}
    for bag in bags:
        for picture in bag.pictures:
            other = owners.setdefault(picture, bag.path)
            if other is not bag.path:
                raise BagError(
                    f"bags {other} and {bag.path} hold the same frames; a drive that is counted "
                    "twice would guarantee what it cannot, so give each once"
                )


def topics_of(bag: Bag, scoring: Scoring) -> list[str]:
    """Return the image topics that the bag has; each of several cameras may have its own bags."""
    present = [topic for topic in scoring.image_topics if topic in bag.topics]
    for topic in present or scoring.image_topics:
        bag.type_of(topic, among=(IMAGE, COMPRESSED_IMAGE))
    return present


def is_recorded_bag(path: Path) -> bool:
    """Return whether a path is read as a bag, and not as a folder of images or a video file."""
    path = path.expanduser()
    try:
        return not path.exists() or is_read_as_bag(path)
    except OSError as error:
        raise BagError(f"{path} cannot be read: {error}") from error


def read_source(
    path: Path, scoring: Scoring, *, report: Callable[[str], object]
) -> Iterator[BagFrame]:
    """Yield the frames of a folder of images or a video file. Raises BagError."""
    try:
        with open_labelled_frames(
            path.expanduser(),
            image_topic=None,
            labels=LabelSettings(topic=""),
            report=lambda _kind, sentence: report(sentence),
            frame_rate=scoring.frame_rate,
        ) as frames:
            yield from frames.read()
    except SourceError as error:
        raise BagError(str(error)) from error


def _digests(path: Path) -> dict[str, str]:
    is_file = path.is_file()
    files = [path] if is_file else sorted(file for file in path.iterdir() if file.is_file())
    found = {file.name: sha256_of(file) for file in files}
    if is_file or is_recorded_bag(path):
        return found
    lines = "".join(f"{digest}  {name}\n" for name, digest in found.items())
    return {f"{path.name}/": hashlib.sha256(lines.encode()).hexdigest()}
