"""Runs a detector over bags of normal driving, and keeps what a calibration needs of each frame.

A bag is looked through twice: once for its stamps, which say at no cost how long the drive is and
whose, and once with the detector, which is slow.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.alarm_counting import seconds_of_frames
from cosme_ros.alarm_promise import NormalDrive
from cosme_ros.alarm_score import alarm_score
from cosme_ros.bag_reading import (
    ANOMALY,
    COMPRESSED_IMAGE,
    IMAGE,
    Bag,
    BagError,
    BagMessage,
    frame_id_of,
)
from cosme_ros.detector import Detector, ScoreFault
from cosme_ros.obstacles import drivable_region
from cosme_ros.score_counts import ScoreCounts

_BLOCK = 1 << 20

# Why frames are left out.
WITH_ANOMALIES = "with labelled anomalies"
WITHOUT_LABEL = "without a label in a labelled bag"
DAMAGED = "damaged"
REPEATED = "with a stamp seen before"
NO_ROAD = "without drivable area"
SCORE_FAULTS = "with a score that is not finite"


@dataclass(frozen=True)
class Scoring:
    """How frames become scores; all of it changes what comes out."""

    image_topics: tuple[str, ...]
    label_topic: str
    """Used in the bags that have it; '' for none."""
    region: str
    """'everything' or 'drivable', as the node's parameter."""
    minimum_area: int
    """Pixels of the camera image, as the node's parameter."""


@dataclass(frozen=True)
class SurveyedBag:
    """What a bag holds, by its stamps and files."""

    path: Path
    files: Mapping[str, str]
    """Name to SHA-256."""
    stamps: Mapping[str, NDArray[np.int64]]
    """Camera (frame_id) to the stamps of its frames in nanoseconds, strictly rising."""
    frames: int
    """Messages with a picture."""
    pictures: frozenset[bytes]
    """A digest of each message with a picture."""
    complaint: str
    """What keeps the rest of the bag from being read, or ''."""


@dataclass(frozen=True)
class DriveScores:
    """The frames of one camera in one bag."""

    drive: NormalDrive
    counts: ScoreCounts
    """Of all pixels of the frames' raw scores, at the score's own resolution."""
    size: tuple[int, int]
    """Height and width of the pictures."""
    left_out: Mapping[str, int]
    """Why, to how many frames."""


def survey(path: Path, scoring: Scoring, *, on_frame: Callable[[], object]) -> SurveyedBag:
    """Look through a bag. A bag that is damaged further on counts as far as it can be read.

    Raises BagError where it cannot be opened, or has none of the topics.
    """
    stamps: dict[str, set[int]] = {}
    pictures = set()
    frames, complaint = 0, ""
    with Bag(path) as bag:
        topics = _topics_of(bag, scoring)
        try:
            for message in bag.messages(topics):
                stamps.setdefault(frame_id_of(message.cdr), set()).add(message.stamp)
                pictures.add(hashlib.blake2b(message.cdr, digest_size=16).digest())
                frames += 1
                on_frame()
        except BagError as error:
            complaint = str(error)
    return SurveyedBag(
        path=Path(path),
        files={file.name: _sha256(file) for file in _files_of(Path(path).expanduser())},
        stamps={
            camera: np.array(sorted(found), np.int64) for camera, found in sorted(stamps.items())
        },
        frames=frames,
        pictures=frozenset(pictures),
        complaint=complaint,
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
                    "twice would promise what it cannot, so give each once"
                )


def score_bag(
    bag: SurveyedBag,
    detector: Detector,
    scoring: Scoring,
    cameras: Sequence[str],
    *,
    on_frame: Callable[[], object],
) -> dict[str, DriveScores]:
    """Run the detector on every normal frame of these cameras. Raises BagError."""
    frames = {camera: _Frames() for camera in cameras if camera in bag.stamps}
    with Bag(bag.path) as opened:
        labels = scoring.label_topic if scoring.label_topic in opened.topics else ""
        if labels:
            opened.type_of(labels, among=(IMAGE,))
        for topic in _topics_of(opened, scoring):
            for joined in _readable(opened, [topic, labels] if labels else [topic], bag):
                if topic not in joined:
                    continue
                message = joined[topic]
                gathered = frames.get(frame_id_of(message.cdr))
                if gathered is not None:
                    gathered.add(opened, message, joined.get(labels), detector, scoring)
                on_frame()
    return {camera: found.scores(bag, camera) for camera, found in frames.items()}


def _readable(
    opened: Bag, topics: Sequence[str], surveyed: SurveyedBag
) -> Iterator[dict[str, BagMessage]]:
    """What is joined by stamp, as far as the survey came."""
    try:
        yield from opened.joined(topics)
    except BagError:
        if not surveyed.complaint:
            raise


class _Frames:
    """Gathers the frames of one camera in one bag."""

    def __init__(self) -> None:
        self._found: dict[int, float] = {}
        self._seen: set[int] = set()
        self._counts = ScoreCounts()
        self._size: tuple[int, int] | None = None
        self._left_out: Counter[str] = Counter()

    def add(
        self,
        bag: Bag,
        message: BagMessage,
        label: BagMessage | None,
        detector: Detector,
        scoring: Scoring,
    ) -> None:
        reason = self._score(bag, message, label, detector, scoring)
        self._seen.add(message.stamp)
        if reason:
            self._left_out[reason] += 1

    def _score(
        self,
        bag: Bag,
        message: BagMessage,
        label: BagMessage | None,
        detector: Detector,
        scoring: Scoring,
    ) -> str:
        """Keep the frame's scores, or say why not."""
        if message.stamp in self._seen:
            return REPEATED
        if scoring.label_topic in bag.topics:
            if label is None:
                return WITHOUT_LABEL
            if (bag.plane(label, "mono8") == ANOMALY).any():
                return WITH_ANOMALIES
        try:
            image = bag.picture(message)
        except BagError:
            return DAMAGED
        self._check_size(bag, message, image.shape[:2])
        try:
            detection = detector.detect(image)
        except ScoreFault:
            return SCORE_FAULTS
        region = None
        if scoring.region == "drivable":
            region = drivable_region(detection.class_id, detector.bundle.drivable_class_ids)
            if not region.any():
                return NO_ROAD
        highest = alarm_score(detection.score, region=region, minimum_area=scoring.minimum_area)
        self._counts.add(detection.raw_score_grid)
        self._found[message.stamp] = highest * detector.threshold
        return ""

    def _check_size(self, bag: Bag, message: BagMessage, size: tuple[int, ...]) -> None:
        height, width = size
        if self._size is None:
            self._size = (height, width)
        if self._size != (height, width):
            raise BagError(
                f"bag {bag.path} has pictures of {self._size[1]}x{self._size[0]} and of "
                f"{width}x{height} pixels on '{message.topic}'; minimum_area is in pixels, so "
                "give drives of one size"
            )

    def scores(self, bag: SurveyedBag, camera: str) -> DriveScores:
        stamps = np.array(sorted(self._found), np.int64)
        every = bag.stamps[camera]
        seconds = seconds_of_frames(every)[np.searchsorted(every, stamps)]
        return DriveScores(
            drive=NormalDrive(
                stamps=stamps,
                alarm_scores=np.array([self._found[stamp] for stamp in stamps.tolist()]),
                seconds=float(seconds.sum()),
            ),
            counts=self._counts,
            size=self._size or (0, 0),
            left_out=dict(self._left_out),
        )


def scores_file(
    folder: Path, bag: SurveyedBag, detector: Detector, scoring: Scoring, cameras: Sequence[str]
) -> Path:
    """Where the scores of a bag are kept: another name whenever they would be others."""
    key = {
        "bundle": detector.bundle.digest,
        "provider": detector.provider,
        "files": dict(bag.files),
        "cameras": sorted(cameras),
        "image_topics": scoring.image_topics,
        "label_topic": scoring.label_topic,
        "region": scoring.region,
        "minimum_area": scoring.minimum_area,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return folder / f"{digest[:32]}.npz"


def save_scores(file: Path, scores: Mapping[str, DriveScores]) -> None:
    """Keep the scores of a bag. The file appears when it is whole."""
    arrays: dict[str, Any] = {}
    about = []
    for number, (camera, found) in enumerate(scores.items()):
        bins, pixels = found.counts.to_sparse()
        arrays |= {
            f"stamps_{number}": found.drive.stamps,
            f"alarm_scores_{number}": found.drive.alarm_scores,
            f"bins_{number}": bins,
            f"pixels_{number}": pixels,
        }
        about.append(
            {
                "camera": camera,
                "seconds": found.drive.seconds,
                "size": found.size,
                "left_out": dict(found.left_out),
            }
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part.npz")
    np.savez(unfinished, about=json.dumps(about), **arrays)
    unfinished.replace(file)


def load_scores(file: Path) -> dict[str, DriveScores]:
    """What `save_scores` kept."""
    with np.load(file, allow_pickle=False) as arrays:
        return {
            about["camera"]: DriveScores(
                drive=NormalDrive(
                    stamps=arrays[f"stamps_{number}"],
                    alarm_scores=arrays[f"alarm_scores_{number}"],
                    seconds=about["seconds"],
                ),
                counts=ScoreCounts.from_sparse(
                    arrays[f"bins_{number}"], arrays[f"pixels_{number}"]
                ),
                size=(about["size"][0], about["size"][1]),
                left_out=about["left_out"],
            )
            for number, about in enumerate(json.loads(str(arrays["about"])))
        }


def _topics_of(bag: Bag, scoring: Scoring) -> list[str]:
    """Those of the image topics that the bag has: of several cameras, each may have its bags."""
    present = [topic for topic in scoring.image_topics if topic in bag.topics]
    for topic in present or scoring.image_topics:
        bag.type_of(topic, among=(IMAGE, COMPRESSED_IMAGE))
    return present


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file())


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
