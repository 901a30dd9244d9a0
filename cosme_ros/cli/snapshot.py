# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros snapshot`: what RViz would show of frames of a drive, as PNG. No ROS needed.

Every frame is made by the node's own `compute_outputs`: it shows what the node publishes.
"""

import argparse
import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, takewhile
from pathlib import Path

from cosme_ros.bags.labelled_frames import BagFrame
from cosme_ros.bags.reading import BagError
from cosme_ros.cli.detector_options import (
    FAILURES,
    detections,
    drive_frames,
    open_detector,
    open_drive,
)
from cosme_ros.cli.options import (
    DRIVE_HELP,
    OBSTACLE_PARAMETERS,
    add_node_options,
    add_overwrite_option,
    add_source_options,
    at_least,
    command,
    command_parser,
)
from cosme_ros.command_frame import Interrupted
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.output_folder import prepare_output_dir
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.postprocessing.static_mask import visible_values
from cosme_ros.reporting.snapshot_picture import snapshot_picture
from cosme_ros.sources.interface import SourceError
from cosme_ros.streaming.frame_outputs import FrameOutputs, RequestedOutputs, compute_outputs
from cosme_ros.visualization.panels import write_picture
from cosme_ros.visualization.text import counted

DEFAULT_WORST = 6
CONTENTS = ("frame_*.png",)
"""What the command writes to its folder, as patterns."""


class SnapshotError(Exception):
    """No picture can be made as asked; the message states what would be right."""


Detected = tuple[BagFrame, Detection]
"""A frame and what was detected in it, with its history where that counts."""


class _Painter:
    """Makes the outputs of frames, and their pictures."""

    def __init__(
        self, options: argparse.Namespace, detector: Detector, rule: ObstacleRule, began: int
    ) -> None:
        self._options = options
        self._began = began
        self._detector = detector
        self._rule = rule

    def outputs(self, detected: Detected, requested: RequestedOutputs) -> FrameOutputs:
        frame, detection = detected
        return compute_outputs(
            detection, frame.image, requested, rule=self._rule, provider=self._detector.provider
        )

    def highest_score(self, detection: Detection) -> float:
        """Return the highest score where the camera is looked at, in alarm lines."""
        return float(visible_values(detection.score, self._rule.static_mask).max())

    def write(self, detected: Iterable[Detected]) -> int:
        """Write the pictures, and return how many there are."""
        options, count = self._options, 0
        for frame, detection in detected:
            made = self.outputs((frame, detection), RequestedOutputs(True, True, True, True))
            path = options.out / f"frame_{frame.index:04d}.png"
            bundle = self._detector.bundle
            caption = (
                f"frame {frame.index} at {(frame.stamp - self._began) * 1e-9:.2f} s of "
                f"{options.bag.name or options.bag}; highest score "
                f"{self.highest_score(detection):.2f} alarm lines; bundle {bundle.name}, "
                f"false-positive rate {bundle.rate(options.false_positive_rate):g}"
            )
            picture = snapshot_picture(
                frame.image, made, caption=caption, static_mask=self._rule.static_mask
            )
            write_picture(path, picture)
            count += 1
        return count


def _run(options: argparse.Namespace) -> None:
    try:
        count = _draw(options)
    except KeyboardInterrupt:
        raise Interrupted(f"the pictures made so far are in {options.out}") from None
    print(f"{counted(count, 'picture')} in {options.out}")


def _draw(options: argparse.Namespace) -> int:
    with open_drive(options.bag, options, quiet=True) as drive:
        total = drive.count
    requested = _requested(options, total)
    detector, rule = open_detector(options)
    prepare_output_dir(options.out, CONTENTS, overwrite=options.overwrite)
    frames = _frames(options)
    first = next(frames)
    painter = _Painter(options, detector, rule, first.stamp)
    frames = chain([first], frames)
    if requested is not None:
        needed: Iterable[BagFrame] = frames
        if options.frames is not None:
            last = max(options.frames)
            needed = takewhile(lambda frame: frame.index <= last, frames)
        if options.temporal == "none":  # else the frames between are history
            needed = (frame for frame in needed if requested(frame.index))
        detected = detections(needed, detector, options)
        return painter.write(each for each in detected if requested(each[0].index))
    worst = _Worst(DEFAULT_WORST if options.worst is None else options.worst, painter)
    try:
        for each in detections(frames, detector, options):
            worst.add(each)
    except (BagError, SourceError, KeyboardInterrupt):
        painter.write(worst.frames())  # what could be read until then is worth a look
        raise
    return painter.write(worst.frames())


def _requested(options: argparse.Namespace, total: int) -> Callable[[int], bool] | None:
    """Return whether a frame index is requested, of `total`, 0 if unknown; None: scores decide."""
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


def _frames(options: argparse.Namespace) -> Iterator[BagFrame]:
    """Yield the frames. Raises SnapshotError where there is none, or one of --frames is beyond."""
    last = -1
    for frame in drive_frames(options.bag, options, desc="reading"):
        last = frame.index
        yield frame
    if last < 0:
        raise SnapshotError(f"{options.bag} has no picture that can be read")
    if options.frames is not None and max(options.frames) > last:
        raise SnapshotError(
            f"--frames names {max(options.frames)}, but the last picture of {options.bag} is {last}"
        )


class _Worst:
    """The frames with the highest obstacles, or the highest scores where there are none.

    Only their images and the network's outputs are stored: outputs are made again when drawn.
    """

    def __init__(self, count: int, painter: _Painter) -> None:
        self._count = count
        self._painter = painter
        self._entries: list[tuple[float, float, int, Detected]] = []

    def add(self, detected: Detected) -> None:
        frame, detection = detected
        made = self._painter.outputs(detected, RequestedOutputs(True, False, False, True))
        highest = made.obstacles[0].peak_score if made.obstacles else 0.0
        score = self._painter.highest_score(detection)
        # Maps of camera size that were made are not stored.
        fresh = detection.with_raw_score(detection.raw_score_grid)
        # Of equal ones the earlier; the index is unique, so frames are never compared.
        entry = (highest, score, -frame.index, (frame, fresh))
        push = heapq.heappush if len(self._entries) < self._count else heapq.heappushpop
        push(self._entries, entry)

    def frames(self) -> list[Detected]:
        """Return them in the order of the drive."""
        return [entry[-1] for entry in sorted(self._entries, key=lambda entry: -entry[2])]


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
    add_source_options(parser)
    add_node_options(parser, *OBSTACLE_PARAMETERS, "threads")
    return parser


main = command("snapshot", _parser, _run, (*FAILURES, SnapshotError))
