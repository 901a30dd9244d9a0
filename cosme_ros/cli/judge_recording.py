# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros judge_recording FOLDER`: evaluate the recording of a replay.

FOLDER is where `replay_bag` or `replay.launch.py` left a recording.
`cosme_ros/reporting/replay_evaluator.py` does the work. Needs no ROS.
"""

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosme_ros.cli.detector_options import FAILURES
from cosme_ros.cli.options import command, command_parser
from cosme_ros.cli.progress import ProgressBars
from cosme_ros.command_frame import Interrupted
from cosme_ros.replay.runner import (
    CONTACT_SHEET,
    PAGE,
    PICTURES,
    RECORDING,
    REPORT,
    VIDEO,
    ReplayError,
)
from cosme_ros.reporting.replay_evaluator import evaluate_recording
from cosme_ros.reporting.replay_report import as_text, static_mask_note, tables


def _run(options: argparse.Namespace) -> None:
    try:
        with ProgressBars() as bars:
            report = evaluate_recording(
                options.folder,
                pictures=options.pictures,
                command=options.command,
                on_progress=bars,
            )
    except KeyboardInterrupt:
        raise Interrupted("the recording is as it was") from None
    print(summary(report, options.folder, pictures=options.pictures))
    if options.remove_recording:
        shutil.rmtree(options.folder / RECORDING)


def summary(report: Mapping[str, Any], folder: Path, *, pictures: bool) -> str:
    """Return the report's tables for the terminal, and where the files are."""
    equal = "equal" if report["published_equals_detector"] else "do NOT equal"
    places = {
        f"{folder / PAGE}": "tables, figures and the video, for any browser",
        f"{folder / REPORT}": "all numbers",
    }
    if pictures:
        places = {
            f"{folder / CONTACT_SHEET}": "each scene's median obstacle; the drive's worst",
            f"{folder / VIDEO}": "the whole drive; any browser plays it",
            f"{folder / PICTURES}/": "those frames in full size, and the overlay as in RViz",
            **places,
        }
    width = max(map(len, places))
    return "\n".join(
        [
            as_text(tables(report)),
            "",
            f"Provider {report['provider']}; the published scores {equal} Detector.detect's to the "
            "bit",
            *([note] if (note := static_mask_note(report)) else []),
            "",
            "Look at",
            *(f"  {place:{width}}  {what}" for place, what in places.items()),
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "judge_recording",
        "Evaluate the recording of a replay: latency, dropped frames, and detection as the vehicle "
        "had it in time. Its report replaces the one that is in the folder. Needs no ROS.",
        example="replay_output --pictures",
    )
    parser.add_argument("folder", type=Path, help="where the replay left its recording")
    parser.add_argument(
        "--pictures", action="store_true", help="draw a contact sheet, pictures and a video too"
    )
    parser.add_argument(
        "--remove-recording", action="store_true", help="remove the recording once it is evaluated"
    )
    return parser


main = command("judge_recording", _parser, _run, (*FAILURES, ReplayError))
