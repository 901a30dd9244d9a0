# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros judge_recording FOLDER`: what a vehicle would have had in a replay.

FOLDER is where `replay_bag` or `replay.launch.py` left a recording. Judged are latency, dropped
frames, and detection against the bag's labels three ways: every frame at once, as if time stood
still; every frame by the newest result there was at its moment
(cosme_ros/replay/streaming_accuracy.py); and the frames that have a result by their own. Needs no
ROS.
"""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bags.reading import BagError
from cosme_ros.bags.scenes import Scene, scenes_of_frames
from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.inference.detector import Detector, ScoreFault
from cosme_ros.inference.providers import ProviderError
from cosme_ros.replay.evaluation import Evaluation
from cosme_ros.replay.recording import Recording
from cosme_ros.replay.runner import (
    CONTACT_SHEET,
    LOGS,
    PAGE,
    PICTURES,
    RECORDING,
    REPORT,
    VIDEO,
    Replay,
    ReplayError,
)
from cosme_ros.replay.streaming_accuracy import timeline
from cosme_ros.reporting.drive_obstacles import DriveObstacles
from cosme_ros.reporting.environment import describe_environment
from cosme_ros.reporting.html import Thumbnail, write_html
from cosme_ros.reporting.pictures import DriveVideo, draw_chosen
from cosme_ros.reporting.replay_page import as_page
from cosme_ros.reporting.replay_report import as_text, report_of, tables

ERRORS = (BagError, BundleError, OSError, ProviderError, ReplayError, ScoreFault, ValueError)
"""What judging raises when something given is wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "cosme_ros", "judge_recording", *given])
    try:
        replay = Replay.read(options.folder)
        print(
            evaluate_recording(options.folder, replay, command=command, pictures=options.pictures)
        )
    except ERRORS as error:
        print(f"The recording cannot be judged: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the recording is as it was.", file=sys.stderr)
        return 130
    if options.remove_recording:
        shutil.rmtree(options.folder / RECORDING)
    return 0


def evaluate_recording(
    folder: Path,
    replay: Replay,
    *,
    command: str,
    pictures: bool,
    detector: Detector | None = None,
) -> str:
    """Judge `folder`/RECORDING, write REPORT, PAGE and, if asked to, pictures.

    Returns a summary.

    `detector`, if there is one already, has to be of the replay's bundle and settings. Raises one
    of ERRORS.
    """
    if detector is None:
        detector = Detector(
            load_bundle(replay.bundle),
            provider=replay.provider,
            false_positive_rate=replay.false_positive_rate,
            threads=replay.threads,
        )
    recording = Recording(folder / RECORDING, replay.image_topic, replay.label_topic)
    counts = recording.counts()
    when = timeline(recording.times)
    if not any(frame.score is not None for frame in when.frames):
        raise ReplayError(
            "the detector published no score; its log may tell why"
            + (f": {folder / LOGS / 'detector.log'}" if (folder / LOGS).is_dir() else "")
        )
    evaluation = Evaluation(detector)
    bar = tqdm(total=len(when.frames), desc="judging", unit="frame", disable=None, leave=False)
    numbers = {frame.stamp: number for number, frame in enumerate(recording.times)}
    scenes = _scenes(replay, len(numbers))
    drive = DriveObstacles()
    with bar, _video(recording, folder) if pictures else nullcontext() as video:
        for output in recording.outputs():
            evaluation.add(output)
            number = numbers[output.stamp]
            scene = scenes[number] if scenes else None
            drive.add(
                number,
                output.stamp,
                scene,
                score=output.score,
                mask=output.mask,
                label=output.label,
            )
            if video is not None:
                seconds = (output.stamp - recording.times[0].stamp) * 1e-9
                video.add(number, seconds, output, scene)
            bar.update()
        for frame in recording.unanswered():
            evaluation.add_unanswered(frame)
            bar.update()
    for label, newest in recording.judged_by(when.judged_by()):
        evaluation.add_latency_aware(label, newest)
    thumbnails: tuple[Thumbnail, ...] = ()
    if pictures:
        chosen, heading = drive.chosen()
        thumbnails = draw_chosen(folder, recording.outputs(), chosen, heading=heading)
    report = {
        **report_of(evaluation.verdict(), when, counts),
        "labelled_obstacles": drive.report(),
        "provider": detector.provider,
        "false_positive_rate": replay.false_positive_rate,
        "threads": replay.threads,
        "playback_rate": replay.rate,
        "player": replay.player,
        "bundle": {
            "name": detector.bundle.name,
            "path": str(replay.bundle),
            "sha256": detector.bundle.digest,
        },
        "bag": {"path": str(replay.bag), "image_topic": replay.image_topic},
        "command": command,
        "machine": describe_environment(),
    }
    write_atomically(folder / REPORT, json.dumps(report, indent=2) + "\n")
    video_file = VIDEO if pictures else ""
    write_html(folder, as_page(report, video=video_file, thumbnails=thumbnails))
    return _summary(report, folder, pictures=pictures)


def _video(recording: Recording, folder: Path) -> DriveVideo:
    stamps = np.array([frame.stamp for frame in recording.times if frame.score is not None])
    period = float(np.median(np.diff(stamps))) * 1e-9 if len(stamps) > 1 else 0.0
    return DriveVideo(folder, frames_a_second=1.0 / period if period > 0 else 1.0)


def _scenes(replay: Replay, played: int) -> tuple[Scene | None, ...]:
    """The scene of each frame that was played; nothing where that cannot be said."""
    try:
        scenes = scenes_of_frames(replay.bag, replay.image_topic)
    except BagError:
        return ()
    # Played once and recorded whole, the frames are the bag's in its order.
    return scenes if len(scenes) == played else ()


def _summary(report: dict[str, Any], folder: Path, *, pictures: bool) -> str:
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
            "",
            "Look at",
            *(f"  {place:{width}}  {what}" for place, what in places.items()),
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros judge_recording",
        description="Judge the recording of a replay: latency, dropped frames, and detection as "
        "the vehicle had it in time. Needs no ROS.",
    )
    parser.add_argument("folder", type=Path, help="where the replay left its recording")
    parser.add_argument(
        "--pictures", action="store_true", help="draw a contact sheet, pictures and a video too"
    )
    parser.add_argument(
        "--remove-recording", action="store_true", help="remove the recording once it is judged"
    )
    return parser
