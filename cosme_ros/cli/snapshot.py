# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros snapshot`: what RViz would show of frames of a drive, as PNG. No ROS needed.

Every frame is made by the node's own `compute_outputs`: it shows what the node publishes.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cosme_ros import topics
from cosme_ros.adaptation.adaptation import apply_marks
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import Bundle, BundleError, load_bundle
from cosme_ros.cli.detector_options import detector_of
from cosme_ros.cli.options import (
    DRIVE_HELP,
    OBSTACLE_PARAMETERS,
    add_frame_rate_option,
    add_node_options,
    add_overwrite_option,
    at_least,
    command_parser,
)
from cosme_ros.command_frame import Interrupted, run_command
from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.inference.providers import ProviderError
from cosme_ros.output_folder import prepare_output_dir
from cosme_ros.postprocessing.obstacle_decision import obstacle_rule
from cosme_ros.postprocessing.static_mask import load_static_mask
from cosme_ros.reporting.snapshot_picture import snapshot_picture
from cosme_ros.sources.interface import SourceError
from cosme_ros.sources.labelled import LabelledFrames, Report, open_labelled_frames
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.frame_outputs import FrameOutputs, RequestedOutputs, compute_outputs
from cosme_ros.visualization.text import counted

DEFAULT_WORST = 6
CONTENTS = ("frame_*.png",)
"""What the command writes to its folder, as patterns."""


class SnapshotError(Exception):
    """No picture can be made as asked; the message states what would be right."""


FAILURES = (BagError, BundleError, OSError, ProviderError, SnapshotError, SourceError, ValueError)


@dataclass(frozen=True)
class _Frame:
    index: int
    """In the drive, from 0."""
    seconds: float
    """Since the first picture."""
    stamp: int
    """Nanoseconds."""
    image: np.ndarray


@dataclass(frozen=True)
class _Detected:
    """A frame and what was detected in it, with its history where that counts."""

    frame: _Frame
    detection: Detection


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return run_command("snapshot", lambda: _run(options), FAILURES)


def _run(options: argparse.Namespace) -> None:
    try:
        count = _draw(options)
    except KeyboardInterrupt:
        raise Interrupted(f"the pictures made so far are in {options.out}") from None
    print(f"{counted(count, 'picture')} in {options.out}")


def _draw(options: argparse.Namespace) -> int:
    """Return how many pictures were written."""
    with _open(options, report=lambda kind, sentence: None) as drive:
        total = drive.count
    wanted = _wanted(options, total)
    bundle = load_bundle(options.bundle)
    if options.region == "drivable" and not bundle.drivable_class_ids:
        raise SnapshotError(
            f"--region is 'drivable', but bundle {bundle.name} has no drivable class; "
            "'everything' is right for it"
        )
    options.static_mask = load_static_mask(options.static_mask)  # once, not for each frame
    detector = detector_of(options, bundle)
    apply_marks(detector, options.marks)
    prepare_output_dir(options.out, CONTENTS, overwrite=options.overwrite)
    frames = _frames(options, total)
    if wanted is not None:
        needed: Iterable[_Frame] = frames
        if options.frames is not None:
            last = max(options.frames)
            needed = takewhile(lambda frame: frame.index <= last, frames)
        if options.temporal == "none":  # else the frames between are history
            needed = (frame for frame in needed if wanted(frame.index))
        detected = _detected(needed, detector, options)
        return _write((each for each in detected if wanted(each.frame.index)), detector, options)
    worst = _Worst(DEFAULT_WORST if options.worst is None else options.worst)
    try:
        for each in _detected(frames, detector, options):
            worst.add(each, detector, options)
    except (
        BagError,
        SourceError,
        KeyboardInterrupt,
    ):  # what could be read until then is worth a look
        _write(worst.frames(), detector, options)
        raise
    return _write(worst.frames(), detector, options)


def _detected(
    frames: Iterable[_Frame], detector: Detector, options: argparse.Namespace
) -> Iterator[_Detected]:
    """Of the frames in order, those with a valid score."""
    stream = CameraStream(detector, temporal=options.temporal)
    for frame in frames:
        try:
            detection = stream.detect(frame.image, frame.stamp)
        except ScoreFault as error:
            tqdm.write(f"frame {frame.index} has no picture: {error}", file=sys.stderr)
            continue
        yield _Detected(frame, detection)


def _write(detected: Iterable[_Detected], detector: Detector, options: argparse.Namespace) -> int:
    """How many pictures were written."""
    count = 0
    for each in detected:
        frame = each.frame
        made = _outputs(detector, each, options, RequestedOutputs(True, True, True, True))
        path = options.out / f"frame_{frame.index:04d}.png"
        caption = _caption(frame, made, detector.bundle, options)
        picture = snapshot_picture(
            frame.image, made, caption=caption, static_mask=options.static_mask
        )
        if not cv2.imwrite(str(path), picture):
            raise OSError(f"{path} cannot be written")
        count += 1
    return count


def _open(options: argparse.Namespace, *, report: Report) -> LabelledFrames:
    return open_labelled_frames(
        options.bag,
        image_topic=options.image_topic,
        labels=LabelSettings(topic=""),
        report=report,
        frame_rate=options.frame_rate,
    )


def _wanted(options: argparse.Namespace, total: int) -> Callable[[int], bool] | None:
    """Return whether a frame index is requested; None where the scores decide.

    Args:
        options: of the command line.
        total: number of frames; 0 where it is not known.
    """
    if options.every is not None:
        every = options.every
        return lambda index: index % every == 0
    if options.frames is None:
        return None
    beyond = [index for index in options.frames if index >= total]
    if total and beyond:
        raise SnapshotError(
            f"--frames names {beyond[0]}, but {options.bag} has {total} pictures: 0 to {total - 1}"
        )
    return set(options.frames).__contains__


def _frames(options: argparse.Namespace, total: int) -> Iterator[_Frame]:
    """Yield the frames. Raises SnapshotError where there is none, or one of --frames is beyond."""
    first: int | None = None
    last = -1

    def report(kind: str, sentence: str) -> None:
        tqdm.write(sentence, file=sys.stderr)

    with _open(options, report=report) as drive:
        frames = tqdm(drive.read(), total=total or None, unit=" frames", desc="reading")
        for frame in frames:
            first = frame.stamp if first is None else first
            last = frame.index
            yield _Frame(frame.index, (frame.stamp - first) * 1e-9, frame.stamp, frame.image)
    if first is None:
        raise SnapshotError(f"{options.bag} has no picture that can be read")
    if options.frames is not None and max(options.frames) > last:
        raise SnapshotError(
            f"--frames names {max(options.frames)}, but the last picture of {options.bag} is {last}"
        )


class _Worst:
    """The frames with the highest obstacles, or the highest scores where there are none.

    Only their pictures and what the networks gave are kept: outputs are made again when drawn.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[tuple[float, float, int, _Detected]] = []

    def add(self, detected: _Detected, detector: Detector, options: argparse.Namespace) -> None:
        made = _outputs(detector, detected, options, RequestedOutputs(True, False, False, True))
        highest = made.obstacles[0].peak_score if made.obstacles else 0.0
        # Of equal ones the earlier; the index is unique, so frames are never compared.
        index = detected.frame.index
        # Maps of camera size that were made are not kept.
        fresh = _Detected(
            detected.frame, detected.detection.with_raw_score(detected.detection.raw_score_grid)
        )
        entry = (highest, _highest_score(made, options), -index, fresh)
        (heapq.heappush if len(self._kept) < self._count else heapq.heappushpop)(self._kept, entry)

    def frames(self) -> list[_Detected]:
        """In the order of the bag."""
        return sorted(
            (detected for *_, detected in self._kept), key=lambda detected: detected.frame.index
        )


def _outputs(
    detector: Detector, detected: _Detected, options: argparse.Namespace, wanted: RequestedOutputs
) -> FrameOutputs:
    return compute_outputs(
        detected.detection,
        detected.frame.image,
        wanted,
        rule=obstacle_rule(
            detector.bundle,
            region=options.region,
            minimum_area=options.minimum_area,
            outline=options.outline,
            static_mask=options.static_mask,
        ),
        provider=detector.provider,
    )


def _highest_score(made: FrameOutputs, options: argparse.Namespace) -> float:
    """Return the highest score that is looked at, in alarm lines."""
    assert made.score is not None
    mask = options.static_mask
    return float((made.score if mask is None else mask.values_of(made.score)).max())


def _caption(frame: _Frame, made: FrameOutputs, bundle: Bundle, options: argparse.Namespace) -> str:
    return (
        f"frame {frame.index} at {frame.seconds:.2f} s of {options.bag.name or options.bag}; "
        f"highest score {_highest_score(made, options):.2f} alarm lines; bundle {bundle.name}, "
        f"false-positive rate {bundle.rate(options.false_positive_rate):g}"
    )


def _indices(text: str) -> list[int]:
    try:
        indices = [int(part) for part in text.split(",")]
    except ValueError:
        indices = []
    if not indices or min(indices) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of indices such as 0,10,20")
    return indices


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "snapshot",
        "Write what RViz would show of frames of a bag, a folder of images or a video file as PNG: "
        "camera, overlay, score and mask side by side. Needs no ROS.",
        example="demo/bag --bundle demo/bundle --out pictures --worst 10",
    )
    parser.add_argument("bag", type=Path, metavar="DRIVE", help=DRIVE_HELP)
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder for frame_NNNN.png")
    add_overwrite_option(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--frames", type=_indices, help="these frames, from 0, e.g. 0,10,20")
    which.add_argument("--every", type=at_least(1), metavar="N", help="every Nth frame")
    which.add_argument(
        "--worst",
        type=at_least(1),
        metavar="N",
        help="the N frames with the highest obstacles, or scores where there are no obstacles; "
        f"{DEFAULT_WORST} of them where nothing else is asked for",
    )
    parser.add_argument(
        "--image-topic",
        help="of a bag: Image, CompressedImage, or H.264 or H.265 packets (default: "
        f"{topics.CAMERA_IMAGE}, or the only topic with pictures)",
    )
    add_frame_rate_option(parser)
    add_node_options(
        parser,
        *OBSTACLE_PARAMETERS,
        "threads",
    )
    return parser
