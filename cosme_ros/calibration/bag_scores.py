# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs a detector over bags of normal driving, and stores what a calibration needs of each frame.

The progress is stored in a file for each bag: an interrupted run continues from there.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cosme_ros import __version__
from cosme_ros.atomic_files import replace_atomically
from cosme_ros.bags.reading import (
    Bag,
    BagError,
    BagMessage,
    content_of,
    frame_id_of,
    join_by_stamp,
    picture_of,
)
from cosme_ros.calibration.bag_survey import (
    Scoring,
    SurveyedBag,
    is_recorded_bag,
    read_source,
    topics_of,
)
from cosme_ros.calibration.false_alarms import NormalDrive, seconds_of_frames
from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.calibration.score_histogram import ScoreHistogram
from cosme_ros.health.measures import MEASURES, frame_measures
from cosme_ros.inference.detector import Detector, ScoreFault
from cosme_ros.messages.images import BgrImage, DecodeError
from cosme_ros.metrics.labels import ANOMALY, ids_of_message
from cosme_ros.postprocessing.obstacle_decision import obstacle_rule, search_area
from cosme_ros.postprocessing.static_mask import visible_values
from cosme_ros.sources.labelled import FRAME_ID
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.visualization.text import counted

CHECKPOINT_SECONDS = 10.0
"""How much work is lost at most where somebody stops it, but for the frame it is at."""

# Why frames are left out.
WITH_ANOMALIES = "with labelled anomalies"
WITHOUT_LABEL = "without a label in a labelled bag"
LABEL_DAMAGED = "with a damaged label"
DAMAGED = "damaged"
REPEATED = "with a stamp seen before"
NO_ROAD = "without drivable area"
SCORE_FAULTS = "with a score that is not finite"


@dataclass(frozen=True)
class DriveScores:
    """The frames of one camera in one bag."""

    drive: NormalDrive
    counts: ScoreHistogram
    """Of all pixels of the frames' raw scores that are looked at, at the score's own resolution."""
    size: tuple[int, int]
    """Height and width of the pictures."""
    left_out: Mapping[str, int]
    """Why, to how many frames."""
    measures: NDArray[np.float64]
    """Of `health.measures`, a row a frame in the drive."""


def score_bag(
    bag: SurveyedBag,
    detector: Detector,
    scoring: Scoring,
    cameras: Sequence[str],
    folder: Path,
    *,
    on_frames: Callable[[int], object],
) -> dict[str, DriveScores]:
    """Run the detector on every normal frame of these cameras that is not done yet.

    The progress is stored in `folder`, every CHECKPOINT_SECONDS and at the end: an interrupted run
    continues from there, to the same scores. Scores of other files, another bundle or other
    settings are left alone. Raises BagError.
    """
    file = _scores_file(folder, bag, detector, scoring, cameras)
    streams = {
        camera: CameraStream(detector, temporal=scoring.temporal)
        for camera in cameras
        if camera in bag.stamps
    }
    progress = _load_progress(file, streams) or _Progress(
        {camera: _Frames(stream) for camera, stream in streams.items()}
    )
    if progress.whole:
        on_frames(bag.frames)
    else:
        _continue(progress, file, bag, detector, scoring, on_frames)
    return {camera: found.scores(bag, camera) for camera, found in progress.frames.items()}


@dataclass(frozen=True)
class _Picture:
    """A picture that is not decoded yet."""

    camera: str
    topic: str
    """Empty where there are no topics."""
    stamp: int
    decode: Callable[[], BgrImage]
    """Raises DecodeError."""
    not_normal: Callable[[], str]
    """Why the frame is not known to be normal; '' where it is."""


class _Frames:
    """Gathers the frames of one camera in one bag."""

    def __init__(self, stream: CameraStream) -> None:
        self.stream = stream
        self.found: dict[int, float] = {}
        self.measures: dict[int, NDArray[np.float64]] = {}
        self.seen: set[int] = set()
        self.counts = ScoreHistogram()
        self.size: tuple[int, int] | None = None
        self.left_out: Counter[str] = Counter()

    def add(self, path: Path, picture: "_Picture", detector: Detector, scoring: Scoring) -> None:
        """Add one frame. Raises BagError."""
        reason = REPEATED if picture.stamp in self.seen else picture.not_normal()
        if not reason:
            reason = self._score(path, picture, detector, scoring)
        self.seen.add(picture.stamp)
        if reason:
            self.left_out[reason] += 1

    def _score(self, path: Path, picture: "_Picture", detector: Detector, scoring: Scoring) -> str:
        """Store the scores of a frame, or return why it is left out."""
        try:
            image = picture.decode()
        except DecodeError:
            return DAMAGED
        height, width = image.shape[:2]
        self._check_size(path, picture.topic, height, width)
        try:
            detection = self.stream.detect(image, picture.stamp)
        except ScoreFault:
            return SCORE_FAULTS
        rule = obstacle_rule(
            detector.bundle,
            region=scoring.region,
            minimum_area=scoring.minimum_area,
            static_mask=scoring.static_mask,
        )
        area = search_area(detection, rule)
        if area is None:
            return NO_ROAD
        highest = frame_alarm_threshold(
            detection.score, region=area.region, minimum_area=area.minimum_area
        )
        mask = scoring.static_mask
        self.counts.add(visible_values(detection.raw_score_grid, mask))
        self.found[picture.stamp] = highest * detector.threshold
        self.measures[picture.stamp] = frame_measures(
            image, detection.grids, input_size=detector.bundle.input_size, static_mask=mask
        )
        return ""

    def _check_size(self, path: Path, topic: str, height: int, width: int) -> None:
        if self.size is None:
            self.size = (height, width)
        if self.size != (height, width):
            where = f" on '{topic}'" if topic else ""
            raise BagError(
                f"{path} has pictures of {self.size[1]}x{self.size[0]} and of "
                f"{width}x{height} pixels{where}; a guarantee is for "
                "images of one size, so give drives of one size"
            )

    def scores(self, bag: SurveyedBag, camera: str) -> DriveScores:
        stamps = np.array(sorted(self.found), np.int64)
        every = bag.stamps[camera]
        seconds = seconds_of_frames(every)[np.searchsorted(every, stamps)]
        return DriveScores(
            drive=NormalDrive(
                stamps=stamps,
                alarm_scores=np.array([self.found[stamp] for stamp in stamps.tolist()]),
                seconds=float(seconds.sum()),
            ),
            counts=self.counts,
            size=self.size or (0, 0),
            left_out=dict(self.left_out),
            measures=_rows([self.measures[stamp] for stamp in stamps.tolist()]),
        )


@dataclass
class _Progress:
    """How far a bag is done; whole between two frames."""

    frames: dict[str, _Frames]
    """By camera."""
    done: int = 0
    """Pictures gone through, whatever came of them."""
    whole: bool = False
    """Whether that is all of them."""


def _continue(
    progress: _Progress,
    file: Path,
    bag: SurveyedBag,
    detector: Detector,
    scoring: Scoring,
    on_frames: Callable[[int], object],
) -> None:
    number = 0
    saved_at = monotonic()
    # What cannot be read, the survey has reported.
    for number, picture in enumerate(_pictures(bag.path, scoring), start=1):
        on_frames(1)
        if number <= progress.done:
            continue
        frames_of_camera = progress.frames.get(picture.camera)
        if frames_of_camera is not None:
            frames_of_camera.add(bag.path, picture, detector, scoring)
        progress.done = number
        if monotonic() - saved_at >= CHECKPOINT_SECONDS:
            _save_progress(file, progress)
            saved_at = monotonic()
    if number != bag.frames:
        raise BagError(
            f"{bag.path} held {counted(bag.frames, 'picture')} when it was looked through, and "
            f"{number} now; leave a bag as it is while it is calibrated on"
        )
    progress.whole = True
    _save_progress(file, progress)


def _pictures(path: Path, scoring: Scoring) -> Iterator[_Picture]:
    """Yield every picture, always in the same order."""
    if not is_recorded_bag(path):
        for frame in read_source(path, scoring, report=lambda sentence: None):
            yield _Picture(FRAME_ID, "", frame.stamp, partial(np.asarray, frame.image), str)
        return
    with Bag(path, lambda _: None) as bag:
        labels = [scoring.label_topic] if scoring.label_topic in bag.topics else []
        for topic in topics_of(bag, scoring):
            for joined in join_by_stamp(bag.messages([topic, *labels]), 1 + len(labels)):
                if topic not in joined:
                    continue
                message, label = joined[topic], joined.get(scoring.label_topic)
                yield _Picture(
                    frame_id_of(message.cdr),
                    topic,
                    message.stamp,
                    partial(picture_of, message),
                    partial(_not_normal, label) if labels else str,
                )


def _rows(measures: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack(measures) if measures else np.empty((0, len(MEASURES)))


def _not_normal(label: BagMessage | None) -> str:
    """Return why a frame with this label is not known to be normal; '' where it is."""
    if label is None:
        return WITHOUT_LABEL
    try:
        values = ids_of_message(content_of(label))
    except DecodeError:
        return LABEL_DAMAGED
    return WITH_ANOMALIES if (values == ANOMALY).any() else ""


def _scores_file(
    folder: Path, bag: SurveyedBag, detector: Detector, scoring: Scoring, cameras: Sequence[str]
) -> Path:
    """Return the file of a bag's scores; its name depends on all that the scores depend on."""
    key = {
        "cosme_ros": __version__,
        "measures": [measure.name for measure in MEASURES],
        "bundle": detector.bundle.digest,
        "provider": detector.provider,
        "files": dict(bag.files),
        "cameras": sorted(cameras),
        "image_topics": scoring.image_topics,
        "label_topic": scoring.label_topic,
        "region": scoring.region,
        "minimum_area": scoring.minimum_area,
        "temporal": scoring.temporal,
        "static_mask": "" if scoring.static_mask is None else scoring.static_mask.sha256,
        "orientation": [scoring.orientation.rotation, scoring.orientation.flip],
        # Not for bags, of which it changes nothing.
        **({} if is_recorded_bag(bag.path) else {"frame_rate": scoring.frame_rate}),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return folder / f"{digest[:32]}.npz"


def _save_progress(file: Path, progress: _Progress) -> None:
    """Write the progress to `file` atomically: it never holds a part of it."""
    arrays: dict[str, Any] = {}
    cameras = []
    for number, (camera, frames_of_camera) in enumerate(progress.frames.items()):
        bins, pixels = frames_of_camera.counts.to_sparse()
        arrays |= {
            f"stamps_{number}": np.array(list(frames_of_camera.found), np.int64),
            f"alarm_scores_{number}": np.array(list(frames_of_camera.found.values()), np.float64),
            f"measures_{number}": _rows(list(frames_of_camera.measures.values())),
            f"seen_{number}": np.array(sorted(frames_of_camera.seen), np.int64),
            f"bins_{number}": bins,
            f"pixels_{number}": pixels,
        }
        fusion = frames_of_camera.stream.fusion
        history = {} if fusion is None else fusion.state()
        arrays |= {f"history_{name}_{number}": value for name, value in history.items()}
        cameras.append(
            {
                "camera": camera,
                "size": frames_of_camera.size,
                "left_out": dict(frames_of_camera.left_out),
            }
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"done": progress.done, "whole": progress.whole, "cameras": cameras}
    replace_atomically(file, lambda path: np.savez(path, about=json.dumps(about), **arrays))


def _load_progress(file: Path, streams: Mapping[str, CameraStream]) -> _Progress | None:
    """Return what `_save_progress` wrote, also to `streams`; None without a file that is whole."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            return _Progress(
                frames={
                    camera["camera"]: _restored(camera, arrays, number, streams[camera["camera"]])
                    for number, camera in enumerate(about["cameras"])
                },
                done=about["done"],
                whole=about["whole"],
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        for stream in streams.values():
            stream.reset()
        return None


def _restored(
    about: Mapping[str, Any], arrays: Mapping[str, Any], number: int, stream: CameraStream
) -> _Frames:
    made = _Frames(stream)
    if stream.fusion is not None:
        prefix, suffix = "history_", f"_{number}"
        stream.fusion.restore(
            {
                name.removeprefix(prefix).removesuffix(suffix): arrays[name]
                for name in arrays
                if name.startswith(prefix) and name.endswith(suffix)
            }
        )
    stamps, scores = arrays[f"stamps_{number}"], arrays[f"alarm_scores_{number}"]
    made.found = dict(zip(stamps.tolist(), scores.tolist(), strict=True))
    made.measures = dict(zip(stamps.tolist(), arrays[f"measures_{number}"], strict=True))
    made.seen = set(arrays[f"seen_{number}"].tolist())
    made.counts = ScoreHistogram.from_sparse(arrays[f"bins_{number}"], arrays[f"pixels_{number}"])
    made.size = None if about["size"] is None else (about["size"][0], about["size"][1])
    made.left_out = Counter(about["left_out"])
    return made
