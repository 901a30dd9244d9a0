# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros calibrate`: a bundle's alarm line, from your own normal drives.

Drives in which nothing was wrong say how often the detector would have cried wolf. The command
writes the bundle again with a calibration table measured on them, in which one false-positive rate
is the promised one: at this rate, the node raises no more than --false-alarms-per-hour on drives
like these, with a confidence of --confidence. What this means, and why it holds, is said in
`alarm_promise.py`. What the drives do not support is refused. A damaged bag counts as far as it can
be read; what is done is kept, and whoever stops the command goes on from there.

The promise is about the node as it will run: `region`, `minimum_area`, `temporal`, resolution,
provider and frame rate should be those of the calibration. The bundle's manifest says what they
were.
"""

import argparse
import shlex
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from tqdm import tqdm

from cosme_ros import __version__, topics
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.bundle.writing import require_empty_dir, write_recalibrated
from cosme_ros.calibration.bag_scores import DriveScores, score_bag
from cosme_ros.calibration.bag_survey import Scoring, SurveyedBag, check_distinct, survey
from cosme_ros.calibration.false_alarms import (
    ALARM_GAP,
    MOST_ALARMING_FRAMES,
    NormalDrive,
    PromiseError,
    allowed_alarms,
    count_alarms,
    highest_rate,
    hours_of,
    score_to_stay_above,
    seconds_of_frames,
)
from cosme_ros.calibration.score_histogram import ScoreHistogram, line_above, with_row
from cosme_ros.cli.options import add_node_options, positive, probability
from cosme_ros.foreign_text import printable
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.providers import ProviderError
from cosme_ros.parameters import PARAMETERS_BY_NAME


@dataclass(frozen=True)
class FalseAlarmGuarantee:
    """What is wanted: at most so many false alarms an hour, and how they are counted."""

    rate: float
    """False alarms an hour."""
    confidence: float
    gap: float
    """Seconds; alarming frames no further apart are one alarm."""


@dataclass(frozen=True)
class Calibrated:
    """One camera's new calibration, and how it came out."""

    calibration: Mapping[str, Any]
    """`calibration` of the bundle's manifest."""
    drives: tuple[NormalDrive, ...]
    left_out: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    not_given = argparse.Namespace(camera=None, keep_scores=None, image_topic=[topics.CAMERA_IMAGE])
    options = _parser().parse_args(arguments, not_given)
    kept = options.keep_scores or options.out.with_name(f"{options.out.name}.scores")
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(options, kept)
    except (BagError, BundleError, OSError, PromiseError, ProviderError, ValueError) as error:
        print(f"\nNothing was calibrated: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted; no bundle was written.", file=sys.stderr)
        _say_what_is_kept(kept)
        return 130
    else:
        if options.keep_scores is None:
            shutil.rmtree(kept, ignore_errors=True)
        return 0
    finally:
        signal.signal(signal.SIGTERM, previous)
    _say_what_is_kept(kept)
    return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say_what_is_kept(kept: Path) -> None:
    if kept.is_dir():
        print(
            f"What is done is kept in {kept}; the same command goes on from there, also for "
            "another promise.",
            file=sys.stderr,
        )


def _run(options: argparse.Namespace, kept: Path) -> None:
    promise = FalseAlarmGuarantee(
        options.false_alarms_per_hour, options.confidence, options.alarm_gap
    )
    most = 3600 / promise.gap
    if promise.rate >= most:
        raise PromiseError(
            f"{promise.rate:g} false alarms an hour are no promise: alarming frames no more than "
            f"{promise.gap:g} s apart are one alarm, so that nothing raises {most:g} an hour; "
            "promise fewer, or give a shorter --alarm-gap"
        )
    scoring = Scoring(
        image_topics=tuple(options.image_topic),
        label_topic=options.label_topic,
        region=options.region,
        minimum_area=options.minimum_area,
        temporal=options.temporal,
    )
    require_empty_dir(options.out)
    if kept.exists() and not kept.is_dir():
        raise NotADirectoryError(f"{kept} is a file; give a folder with --keep-scores")
    bundle = load_bundle(options.bundle)
    bags = _survey(options.bags, scoring)
    cameras = _cameras(bags, options.camera)
    folders = {camera: "" if len(cameras) == 1 else _folder_of(camera) for camera in cameras}
    if len(set(folders.values())) < len(cameras):
        raise PromiseError(
            f"cameras {', '.join(cameras)} would be written to the same folder; name them one by "
            "one with --camera"
        )
    for camera in cameras:
        # Before hours of work: no drive gets longer by looking at its pictures.
        _allowed(promise, camera, _hours_surveyed(bags, camera))
    detector = Detector(
        bundle,
        provider=options.provider,
        # Only the unit of the scores; the highest rate's line is in every table.
        false_positive_rate=bundle.calibration.rates[1],
        threads=options.threads,
    )
    scores = _score(bags, detector, scoring, cameras, kept)
    calibrated = {
        camera: _calibrate(camera, scores, bags, detector, scoring, promise) for camera in cameras
    }
    write_recalibrated(
        bundle,
        {folders[name]: found.calibration for name, found in calibrated.items()},
        options.out,
    )
    for camera, found in calibrated.items():
        print(_summary(camera, found, options.out / folders[camera], promise))


def _survey(paths: Sequence[Path], scoring: Scoring) -> list[SurveyedBag]:
    bags = []
    with tqdm(desc="stamps", unit=" frames", disable=None) as bar:

        def complain(sentence: str) -> None:
            bar.write(sentence, file=sys.stderr)

        for path in paths:
            bags.append(survey(path, scoring, on_frames=bar.update, complain=complain))
    check_distinct(bags)
    return bags


def _cameras(bags: Sequence[SurveyedBag], wanted: str | None) -> list[str]:
    cameras = sorted({camera for bag in bags for camera in bag.stamps})
    if not cameras:
        raise BagError("the bags hold no pictures; give --image-topic if theirs has another name")
    if wanted is None:
        return cameras
    if wanted not in cameras:
        raise BagError(
            f"no frame is of camera '{wanted}'; the frame_ids in these bags are: "
            + ", ".join(f"'{camera}'" for camera in cameras)
        )
    return [wanted]


def _hours_surveyed(bags: Sequence[SurveyedBag], camera: str) -> float:
    return (
        sum(
            float(seconds_of_frames(bag.stamps[camera]).sum())
            for bag in bags
            if camera in bag.stamps
        )
        / 3600
    )


def _allowed(promise: FalseAlarmGuarantee, camera: str, hours: float) -> int:
    try:
        return allowed_alarms(promise.rate, promise.confidence, hours, most_rate=3600 / promise.gap)
    except PromiseError as error:
        raise PromiseError(f"camera '{camera}': {error}") from error


def _score(
    bags: Sequence[SurveyedBag],
    detector: Detector,
    scoring: Scoring,
    cameras: Sequence[str],
    kept: Path,
) -> list[dict[str, DriveScores]]:
    """Per bag, the scores of each camera that it has."""
    with tqdm(
        desc="scores", total=sum(bag.frames for bag in bags), unit=" frames", disable=None
    ) as bar:
        return [
            score_bag(bag, detector, scoring, cameras, kept, on_frames=bar.update) for bag in bags
        ]


def _calibrate(
    camera: str,
    scores: Sequence[Mapping[str, DriveScores]],
    bags: Sequence[SurveyedBag],
    detector: Detector,
    scoring: Scoring,
    promise: FalseAlarmGuarantee,
) -> Calibrated:
    of_camera = [
        (bag, found[camera]) for bag, found in zip(bags, scores, strict=True) if camera in found
    ]
    drives = tuple(found.drive for _, found in of_camera)
    left_out: Counter[str] = Counter()
    counts = ScoreHistogram()
    for _, found in of_camera:
        left_out.update(found.left_out)
        counts.include(found.counts)
    sizes = {found.size for _, found in of_camera if found.drive.stamps.size}
    if len(sizes) > 1:
        raise BagError(
            f"camera '{camera}' has pictures of "
            + " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
            + " pixels; minimum_area is in pixels, so give drives of one size"
        )
    hours = hours_of(drives)
    try:
        allowed = _allowed(promise, camera, hours)
    except PromiseError as error:
        raise PromiseError(f"{error} (left out: {_listed(left_out)})") from error
    ((height, width),) = sizes
    table = counts.table()
    # A higher line keeps the promise, too, and below the table's first nothing was measured.
    line = max(
        line_above(score_to_stay_above(drives, allowed, gap=promise.gap)), table[0]["raw_score"]
    )
    rate = _rate_of(counts.reaching(line) / counts.pixels, counts.pixels)
    frames = sum(len(drive.stamps) for drive in drives)
    return Calibrated(
        calibration={
            "frames": frames,
            "pixels": counts.pixels,
            "table": with_row(table, rate, line),
            "promise": {
                "false_positive_rate": rate,
                "false_alarms_per_hour": promise.rate,
                "confidence": promise.confidence,
                "alarm_gap": promise.gap,
                "hours": hours,
                "alarms_allowed": allowed,
                "alarms_measured": count_alarms(drives, line, gap=promise.gap),
                "region": scoring.region,
                "minimum_area": scoring.minimum_area,
                # Without it single frames are meant, also to older readers.
                **({} if scoring.temporal == "none" else {"temporal": scoring.temporal}),
                "image_size": {"height": height, "width": width},
            },
            "measured_on": {
                "camera": camera,
                "image_topics": list(scoring.image_topics),
                "bags": [
                    {
                        "name": bag.path.resolve().name,
                        "files": {name: {"sha256": sha} for name, sha in bag.files.items()},
                        "frames": len(found.drive.stamps),
                        "first_stamp": int(found.drive.stamps[0]),
                        "last_stamp": int(found.drive.stamps[-1]),
                        **({"damage": _damage(bag)} if bag.complaints else {}),
                    }
                    for bag, found in of_camera
                    if found.drive.stamps.size
                ],
                "left_out": dict(left_out),
                "provider": detector.provider,
                "bundle": detector.bundle.digest,
                "cosme_ros": __version__,
            },
        },
        drives=drives,
        left_out=left_out,
    )


def _damage(bag: SurveyedBag) -> list[str]:
    """What of the bag could not be read; who reads it elsewhere does not need our folders."""
    above = f"{bag.path.expanduser().parent}/"
    return [sentence.replace(above, "") for sentence in bag.complaints]


def _rate_of(share: float, pixels: int) -> float:
    """A share of pixels as a rate that the node takes, of four digits, never 0."""
    lowest = PARAMETERS_BY_NAME["false_positive_rate"].minimum
    assert lowest is not None
    return float(f"{max(share, 1 / pixels, lowest):.4g}")


def _folder_of(camera: str) -> str:
    """A frame_id as the name of a folder."""
    # No folder is hidden, or above the one that was asked for.
    return printable(camera.strip("/").replace("/", "_").lstrip("."), 100) or "unnamed"


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in sorted(left_out.items())) or "nothing"


def _summary(camera: str, found: Calibrated, folder: Path, promise: FalseAlarmGuarantee) -> str:
    calibration = found.calibration
    kept = calibration["promise"]
    hours, confidence = kept["hours"], 100 * promise.confidence
    height, width = kept["image_size"]["height"], kept["image_size"]["width"]
    rate = _decimal(kept["false_positive_rate"])
    periods = np.concatenate([np.diff(drive.stamps) for drive in found.drives]) * 1e-9
    lines = [
        f"\ncamera '{camera}': {calibration['frames']} normal frames of {width}x{height} pixels, "
        f"{hours:.3g} h, about {1 / float(np.median(periods)):.3g} a second",
        f"left out: {_listed(found.left_out)}",
        f"promised: at most {promise.rate:g} false alarms an hour of such drives, at "
        f"{confidence:g} % confidence",
        f"in these: {kept['alarms_measured']} alarms (up to {kept['alarms_allowed']} allowed); "
        f"alarming frames no more than {promise.gap:g} s apart are one",
        "",
        f"{'false_positive_rate':>20}{'frames alarming':>18}{'alarms an hour here':>22}"
        f"{f'at {confidence:g} % below':>16}",
    ]
    every = np.concatenate([drive.alarm_scores for drive in found.drives])
    for row in calibration["table"]:
        share = float(np.mean(every >= row["raw_score"]))
        line = f"{_decimal(row['false_positive_rate']):>20}{share:18.2%}"
        if share > MOST_ALARMING_FRAMES:  # they run together, and their number says nothing
            lines.append(f"{line}{'hardly ever silent':>22}")
            continue
        alarms = count_alarms(found.drives, row["raw_score"], gap=promise.gap)
        promised = row["false_positive_rate"] == kept["false_positive_rate"]
        # For the promised line, which was chosen by its count, the promise is the bound.
        limit = promise.rate if promised else highest_rate(alarms, hours, promise.confidence)
        lines.append(
            f"{line}{alarms / hours:22.3g}{limit:16.3g}"
            + ("  <- the promised one" if promised else "")
        )
    lines += [
        "",
        f"Run the node with bundle:={shlex.quote(str(folder))} false_positive_rate:={rate}",
        f"and, as here, region:={kept['region']} minimum_area:={kept['minimum_area']} "
        f"temporal:={kept.get('temporal', 'none')}",
    ]
    return "\n".join(lines)


def _decimal(rate: float) -> str:
    """Without an exponent: YAML takes 5e-05 for text."""
    return np.format_float_positional(rate, trim="-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros calibrate",
        description="Write a bundle again with an alarm line from your own drives, in which "
        "nothing was wrong: no more false alarms than promised, on drives like these. A false "
        "alarm is an obstacle in such a frame; frames near each other are one alarm. The promise "
        "holds with the confidence given, under the node's settings given here; with no alarm at "
        "all, one an hour at 95 % takes 3.0 h of drive. What the drives do not support is "
        "refused, and what they would support is said. Damaged bags count as far as they can be "
        "read. Stopped by Ctrl-C, the same command goes on where it was. Every other file of the "
        "bundle stays as it is. Needs no ROS.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="rosbag2 folder or file")
    parser.add_argument(
        "--bundle", type=Path, help="bundle directory", required=True, default=argparse.SUPPRESS
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="where to write; with several cameras one bundle each, OUT/<frame_id>",
        required=True,
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--false-alarms-per-hour",
        type=positive,
        help="what to promise",
        required=True,
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--confidence",
        type=probability,
        default=0.95,
        help="probability that a promise made like this is kept",
    )
    parser.add_argument(
        "--alarm-gap",
        type=positive,
        default=ALARM_GAP,
        help="seconds; alarming frames no further apart are one alarm, as in `evaluate_bag`. What "
        "alarms again and again for one cause should be one",
    )
    parser.add_argument(
        "--camera",
        default=argparse.SUPPRESS,
        help="frame_id of the frames to use; without it, every camera gets a bundle",
    )
    parser.add_argument(
        "--image-topic",
        nargs="+",
        default=argparse.SUPPRESS,
        help="Image or CompressedImage; several for several cameras (default: "
        f"{topics.CAMERA_IMAGE})",
    )
    parser.add_argument(
        "--label-topic",
        default=topics.CAMERA_LABELS,
        help="mono8 or mono16 Image: 0 normal, 1 anomaly, 255 ignored. In a bag that has it, "
        "frames with anomalies or without a label are left out; '' ignores it",
    )
    add_node_options(parser, "region", "minimum_area", "temporal", "provider", "threads")
    parser.add_argument(
        "--keep-scores",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="keep the scores of each bag here, and use those that are there: another promise "
        "then takes seconds. Else they are in OUT.scores until the bundle is written",
    )
    return parser
