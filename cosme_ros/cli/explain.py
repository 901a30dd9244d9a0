# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros explain`: why a frame raised an alarm, in words and as a picture."""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bags.labelled_frames import BagFrame
from cosme_ros.cli.detector_options import FAILURES, detections, drive_frames, open_detector
from cosme_ros.cli.options import (
    DRIVE_HELP,
    OBSTACLE_PARAMETERS,
    add_node_options,
    add_source_options,
    at_least,
    command,
    command_parser,
)
from cosme_ros.explanation.explanation import explain
from cosme_ros.explanation.part_reference import part_reference
from cosme_ros.explanation.prototype_pictures import read_prototype_pictures
from cosme_ros.explanation.wording import as_content, sentences
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleDecision,
    ObstacleRule,
    decide_obstacles,
)
from cosme_ros.postprocessing.obstacles import outlines
from cosme_ros.visualization.explanation_picture import explanation_picture
from cosme_ros.visualization.panels import write_picture

_QUALITY = 70  # of a JPEG: about 60 kB


class ExplainError(Exception):
    """There is nothing to explain; the message states why."""


@dataclass(frozen=True)
class _Found:
    frame: BagFrame
    detection: Detection
    decision: ObstacleDecision


def _run(options: argparse.Namespace) -> None:
    detector, rule = open_detector(options)
    bundle = detector.bundle
    found = _find(options, detector, rule)
    frame, decision = found.frame, found.decision
    if decision.mask is None or not decision.obstacles:
        raise ExplainError(f"frame {frame.index} of {options.drive} has no obstacle to explain")
    reference = part_reference(bundle.manifest["calibration"])
    if reference is None:
        print(
            f"bundle {bundle.name} has no reference of the parts of a score, so that neither their "
            "shares nor how rare they are is known; `python -m cosme_ros references` measures it",
            file=sys.stderr,
        )
    explanations = explain(
        detector, reference, found.detection, frame.image, decision.obstacles, decision.mask
    )
    pictures = read_prototype_pictures(bundle)
    for explanation in explanations:
        print("\n".join(sentences(explanation)), end="\n\n")
    if options.json is not None:
        content = {"frame": frame.index, "stamp": frame.stamp}
        obstacles = as_content(explanations, pictures)
        text = json.dumps({**content, "obstacles": obstacles}, indent=1, allow_nan=False)
        write_atomically(options.json, f"{text}\n")
    if options.picture is not None:
        line = outlines(decision.mask, decision.obstacles)[0]
        caption = f"frame {frame.index}: why this is an alarm"
        drawn = explanation_picture(frame.image, explanations[0], line, pictures, caption=caption)
        write_picture(options.picture, drawn, quality=_QUALITY)


def _find(options: argparse.Namespace, detector: Detector, rule: ObstacleRule) -> _Found:
    """Return the frame that is asked for, or the one with the highest obstacle."""
    frames: Iterable[BagFrame] = drive_frames(options.drive, options)
    if options.frame is not None and options.temporal == "none":  # else those before are history
        frames = (frame for frame in frames if frame.index >= options.frame)
    best: _Found | None = None
    for frame, detection in detections(frames, detector, options):
        found = _Found(frame, detection, decide_obstacles(detection, frame.image, rule))
        if options.frame is not None and frame.index >= options.frame:
            best = found
            break
        if options.frame is None and _peak(found) > (0.0 if best is None else _peak(best)):
            best = found
    if best is None or (options.frame is not None and best.frame.index != options.frame):
        which = "with an obstacle" if options.frame is None else f"{options.frame} with a result"
        raise ExplainError(f"{options.drive} has no frame {which}")
    return best


def _peak(found: _Found) -> float:
    obstacles = found.decision.obstacles
    return obstacles[0].peak_score if obstacles else 0.0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "explain",
        "Say why a frame of a drive raised an alarm: what the score of each obstacle is made of, "
        "what it was taken for, and what training knew that is most like it.",
        example="demo/bag --bundle demo/bundle --frame 30 --picture alarm.jpg",
    )
    parser.add_argument("drive", type=Path, help=DRIVE_HELP)
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument(
        "--frame", type=at_least(0), help="which, from 0 (default: that with the highest obstacle)"
    )
    parser.add_argument(
        "--picture", type=Path, help="JPEG or PNG file to write: the highest obstacle, explained"
    )
    parser.add_argument("--json", type=Path, help="file to write: all of it, as ~/explain answers")
    add_source_options(parser)
    add_node_options(parser, *OBSTACLE_PARAMETERS, "threads")
    return parser


main = command("explain", _parser, _run, (*FAILURES, ExplainError))
