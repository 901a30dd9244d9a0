# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros references`: measure what a bundle's normal frames are like.

Health compares frames with it, and explanations give the rarity of a score by it. `fit` and
`calibrate` measure it too; this command is for bundles that are older, for another camera, and for
pictures of the prototypes. It changes the bundle's manifest and no graph.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.references import ReferenceSurvey
from cosme_ros.cli.detector_options import FAILURES, detector_of, drive_frames
from cosme_ros.cli.options import (
    DRIVE_HELP,
    add_node_options,
    add_source_options,
    at_least,
    command,
    command_parser,
)
from cosme_ros.command_frame import Interrupted
from cosme_ros.inference.detector import ScoreFault
from cosme_ros.postprocessing.static_mask import load_static_mask


def _run(options: argparse.Namespace) -> None:
    bundle = load_bundle(options.bundle)
    detector = detector_of(options, bundle, false_positive_rate=bundle.calibration.rates[1])
    survey = ReferenceSurvey(
        detector, load_static_mask(options.static_mask), pictures=options.prototype_pictures
    )
    frames = 0
    try:
        for drive in options.drives:
            frames += _measure(drive, survey, options)
    except KeyboardInterrupt:
        raise Interrupted("the bundle is as it was") from None
    survey.write()
    print(f"{options.bundle}: references of {frames} normal frames; its digest has changed:")
    print(f"bundle_digest {load_bundle(options.bundle).digest}")


def _measure(drive: Path, survey: ReferenceSurvey, options: argparse.Namespace) -> int:
    """Return how many frames of a drive were measured."""
    frames = 0
    for frame in drive_frames(drive, options, desc="normal"):
        if frame.index % options.every:
            continue
        try:
            survey.add(frame.image)
        except ScoreFault as error:
            tqdm.write(f"frame {frame.index} is left out: {error}", file=sys.stderr)
        else:
            frames += 1
    return frames


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "references",
        "Measure what normal frames are like, for health and explanations, and write it into the "
        "bundle's manifest. Its graphs, banks and alarm line stay as they are.",
        example="my_bundle normal_drive --every 5",
    )
    parser.add_argument("bundle", type=Path, help="folder of the bundle, which is changed")
    parser.add_argument(
        "drives", type=Path, nargs="+", help=f"drives in which nothing was wrong: {DRIVE_HELP}"
    )
    parser.add_argument(
        "--every", type=at_least(1), default=1, help="measure every such frame, from the first on"
    )
    parser.add_argument(
        "--prototype-pictures",
        action="store_true",
        help="store a small picture a prototype beside the bundle, for explanations: it shows "
        "places of these drives to everybody who has the bundle",
    )
    add_source_options(parser)
    add_node_options(
        parser, "provider", "device", "threads", "static_mask", "image_rotation", "image_flip"
    )
    return parser


main = command("references", _parser, _run, FAILURES)
