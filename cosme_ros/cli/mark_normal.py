# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros mark_normal DRIVE`: mark false alarms of a recorded drive. No ROS needed.

The offline form of the node's `~/mark_normal` and `~/input/normal_mask`: the same guard, the same
self-test, the same file.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from cosme_ros.adaptation.adaptation import Adaptation, Answer, alarms, open_adaptation
from cosme_ros.adaptation.journal import Forgotten, Mark, Undone, author
from cosme_ros.adaptation.marks_file import MarksError, read_marks
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.cli.detector_options import FAILURES, detector_of, open_drive
from cosme_ros.cli.options import (
    DRIVE_HELP,
    add_node_options,
    add_source_options,
    at_least,
    command,
    command_parser,
)
from cosme_ros.command_frame import UsageError
from cosme_ros.inference.detector import Detector
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.picture_files import decode_stored
from cosme_ros.postprocessing.obstacle_decision import obstacle_rule
from cosme_ros.postprocessing.static_mask import load_static_mask

_CAMERA = ""


class NothingMarked(Exception):  # noqa: N818, it is an answer
    """Every mark was refused."""


def _run(options: argparse.Namespace) -> None:
    bundle = load_bundle(options.bundle)
    if options.list:
        _print_journal(options.marks, bundle)
        return
    if options.drive is None and not (options.undo or options.forget):
        raise UsageError("a drive to mark is missing; or give --list, --undo or --forget")
    if options.mask is not None and (options.frame is None or len(options.frame) != 1):
        raise UsageError("--mask is of one frame: give it with one --frame")
    detector = detector_of(options, bundle)
    adaptation = open_adaptation(
        detector, options.marks, who=author("mark_normal"), limit=options.marks_limit
    )
    if options.forget:
        answers = [adaptation.forget()]
    elif options.undo:
        answers = [adaptation.undo()]
    else:
        answers = list(_marked(options, detector, adaptation))
    if any(answer.success for answer in answers):
        saved = adaptation.save()
        if not saved.success:
            raise MarksError(saved.message)
        print(saved.message)
    else:
        raise NothingMarked("nothing was changed" + ("" if answers else ": the drive has no alarm"))


def _marked(
    options: argparse.Namespace, detector: Detector, adaptation: Adaptation
) -> Iterator[Answer]:
    rule = obstacle_rule(
        detector.bundle,
        region=options.region,
        minimum_area=options.minimum_area,
        static_mask=load_static_mask(options.static_mask),
    )
    wanted = None if options.frame is None else set(options.frame)
    mask = None if options.mask is None else _read_mask(options.mask)
    with open_drive(options.drive, options, quiet=True) as drive:
        for frame in drive.read():
            if wanted is not None and frame.index > max(wanted):
                break
            detection = detector.detect(frame.image)
            recent = RecentFrame(_CAMERA, frame.stamp, frame.image, detection, rule)
            adaptation.remember(recent)
            if wanted is not None and frame.index not in wanted:
                continue
            if wanted is None and not alarms(recent).any():
                continue
            guard = not options.force
            if mask is None:
                answer = adaptation.mark_alarms(_CAMERA, guard=guard)
            else:
                answer = adaptation.mark_pixels(_CAMERA, frame.stamp, mask, guard=guard)
            print(f"frame {frame.index}: {'' if answer.success else 'refused: '}{answer.message}")
            yield answer


def _read_mask(path: Path) -> np.ndarray:
    pixels, _ = decode_stored(path.read_bytes())
    if pixels.dtype != np.uint8:
        raise ValueError(f"{path} has {pixels.dtype} pixels; a PNG of 8 bits is right")
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))


def _print_journal(path: Path, bundle: Bundle) -> None:
    journal = read_marks(path, bundle)
    active = {mark.number for mark in journal.active()}
    for entry in journal.entries:
        if isinstance(entry, Mark):
            state = "holds" if entry.number in active else "taken back"
            forced = ", guard off" if entry.forced else ""
            rows = sum(len(added) for added in entry.prototypes.values())
            print(
                f"{entry.when}  mark {entry.number} ({state}{forced}): frame {entry.stamp} ns, "
                f"{entry.source}, {entry.figures.pixels} pixels, {rows} prototypes, {entry.who}"
            )
        elif isinstance(entry, Undone):
            print(f"{entry.when}  mark {entry.number} undone, {entry.who}")
        elif isinstance(entry, Forgotten):
            print(f"{entry.when}  all marks forgotten, {entry.who}")
    print(f"{len(active)} of {journal.next_number - 1} marks hold")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "mark_normal",
        "Mark what is above the alarm line in frames of a recorded drive as normal, with the "
        "node's guard and self-test. Writes the marks file that the node's parameter 'marks' "
        "names; the bundle stays as it is. Needs no ROS.",
        example="drive --bundle demo/bundle --marks marks.jsonl --frame 155",
    )
    parser.add_argument("drive", type=Path, nargs="?", help=DRIVE_HELP)
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--marks", type=Path, required=True, help="file of the marks")
    parser.add_argument(
        "--frame",
        type=at_least(0),
        action="append",
        help="index of a frame to mark, from 0; may be given several times (default: every frame "
        "with an alarm, one after the other)",
    )
    parser.add_argument(
        "--mask",
        type=Path,
        help="PNG of the frame's size, not black where it is normal (default: what is above the "
        "alarm line)",
    )
    parser.add_argument(
        "--force", action="store_true", help="switch the guard off; the journal says so"
    )
    parser.add_argument("--undo", action="store_true", help="take the newest mark back")
    parser.add_argument("--forget", action="store_true", help="take all marks back")
    parser.add_argument("--list", action="store_true", help="print the journal and change nothing")
    add_source_options(parser)
    add_node_options(
        parser,
        "provider",
        "device",
        "false_positive_rate",
        "region",
        "minimum_area",
        "static_mask",
        "image_rotation",
        "image_flip",
        "marks_limit",
        "threads",
    )
    return parser


main = command("mark_normal", _parser, _run, (*FAILURES, DecodeError, NothingMarked))
