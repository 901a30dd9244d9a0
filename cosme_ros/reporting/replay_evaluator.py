# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Evaluates a replay: what a vehicle would have had, from the recording that the replay left.

Evaluated are latency, dropped frames, and detection against the bag's labels in three ways: every
frame at once, as if time stood still; every frame by the newest result there was at its moment
(`cosme_ros/replay/streaming_accuracy.py`); and the frames that have a result by their own.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bags.reading import BagError, LabelledFrame
from cosme_ros.bags.scenes import Scene, scenes_of_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.calibrator import Progress
from cosme_ros.evaluation.drive_video import DriveVideo
from cosme_ros.inference.detector import Detector
from cosme_ros.metrics.labels import IGNORED
from cosme_ros.postprocessing.static_mask import StaticMask, load_static_mask
from cosme_ros.replay.evaluation import Evaluation
from cosme_ros.replay.recording import Output, Recording
from cosme_ros.replay.runner import LOGS, RECORDING, REPORT, VIDEO, Replay, ReplayError
from cosme_ros.replay.streaming_accuracy import timeline
from cosme_ros.reporting.drive_obstacles import DriveObstacles
from cosme_ros.reporting.environment import describe_environment
from cosme_ros.reporting.html import Thumbnail
from cosme_ros.reporting.pictures import draw_chosen, view_of
from cosme_ros.reporting.replay_page import write_page
from cosme_ros.reporting.replay_report import report_of

_Labelled = TypeVar("_Labelled", Output, LabelledFrame)


def evaluate_recording(
    folder: Path | str,
    *,
    pictures: bool = False,
    detector: Detector | None = None,
    command: str = "",
    on_progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Evaluate the recording of a replay, and write REPORT, PAGE and, if asked for, pictures.

    Args:
        folder: that the replay left, with RECORDING and SETTINGS.
        pictures: whether to draw a contact sheet, pictures and a video.
        detector: of the replay's bundle and settings, if there is one already.
        command: for the report.
        on_progress: called with the stage, the frames done, and how many there are.

    Returns:
        The content of REPORT.

    Raises:
        BagError: the recording cannot be read.
        BundleError, ProviderError: the detector cannot be made.
        ReplayError: `folder` is not that of a replay, or the detector published no score.
        ScoreFault: the detector's score of a frame is not finite.
        StaticMaskError: the file of the replay's static mask is gone.
    """
    folder = Path(folder)
    replay = Replay.read(folder)
    if detector is None:
        detector = Detector(
            load_bundle(replay.bundle),
            provider=replay.provider,
            false_positive_rate=replay.false_positive_rate,
            threads=replay.threads,
            orientation=replay.orientation,
        )
    mask = load_static_mask(replay.static_mask)
    recording = Recording(folder / RECORDING, replay.image_topic, replay.label_topic)
    counts = recording.counts()
    when = timeline(recording.times)
    if not any(frame.score is not None for frame in when.frames):
        raise ReplayError(
            "the detector published no score; its log may say why"
            + (f": {folder / LOGS / 'detector.log'}" if (folder / LOGS).is_dir() else "")
        )
    evaluation = Evaluation(detector)
    numbers = {frame.stamp: number for number, frame in enumerate(recording.times)}
    scenes = _scenes(replay, len(numbers))
    drive = DriveObstacles(mask)
    done, total = 0, len(when.frames)
    with DriveVideo(folder / VIDEO, _rate_of(recording)) if pictures else nullcontext() as video:
        for output in _judged(recording.outputs(), mask):
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
                note = f"frame {number}, {seconds:.1f} s"
                video.add(view_of(output, mask), output.stamp, scene, note)
            done += 1
            on_progress("evaluating", done, total)
        for frame in _judged(recording.unanswered(), mask):
            evaluation.add_unanswered(frame)
            done += 1
            on_progress("evaluating", done, total)
    for label, newest in recording.judged_by(when.judged_by()):
        visible = label if mask is None else mask.ignoring(label, IGNORED)
        evaluation.add_latency_aware(visible, newest)
    thumbnails: tuple[Thumbnail, ...] = ()
    if pictures:
        chosen, heading = drive.chosen()
        thumbnails = draw_chosen(
            folder,
            _judged(recording.outputs(), mask),
            chosen,
            heading=heading,
            static_mask=mask,
        )
    report = {
        **report_of(evaluation.result(), when, counts),
        "labelled_obstacles": drive.report(),
        "provider": detector.provider,
        "false_positive_rate": detector.bundle.rate(replay.false_positive_rate),
        "threads": replay.threads,
        "playback_rate": replay.rate,
        "bundle": {
            "name": detector.bundle.name,
            "path": str(replay.bundle),
            "sha256": detector.bundle.digest,
        },
        "static_mask": None
        if mask is None
        else {"path": mask.path, "sha256": mask.sha256, "hidden_share": mask.hidden_share},
        "bag": {"path": str(replay.bag), "image_topic": replay.image_topic},
        "command": command,
        "machine": describe_environment(),
    }
    write_atomically(folder / REPORT, json.dumps(report, indent=2) + "\n")
    write_page(folder, report, video=VIDEO if pictures else "", thumbnails=thumbnails)
    return report


def _rate_of(recording: Recording) -> float:
    """Return frames a second."""
    stamps = np.array([frame.stamp for frame in recording.times if frame.score is not None])
    period = float(np.median(np.diff(stamps))) * 1e-9 if len(stamps) > 1 else 0.0
    return 1.0 / period if period > 0 else 1.0


def _judged(frames: Iterable[_Labelled], static_mask: StaticMask | None) -> Iterator[_Labelled]:
    """Yield the frames, their labels ignored where nothing is looked at."""
    for frame in frames:
        if static_mask is not None and frame.label is not None:
            frame = replace(frame, label=static_mask.ignoring(frame.label, IGNORED))
        yield frame


def _scenes(replay: Replay, played: int) -> tuple[Scene | None, ...]:
    """Return the scene of each frame that was played; nothing where that cannot be known."""
    try:
        scenes = scenes_of_frames(replay.bag, replay.image_topic)
    except BagError:
        return ()
    # Played once and recorded whole, the frames are the bag's in its order.
    return scenes if len(scenes) == played else ()
