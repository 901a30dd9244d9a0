# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros calibrate`: calibrate a bundle on your own normal drives.

The command writes the bundle again with a calibration table measured on these drives, and one
false-positive rate at which the node raises no more than --false-alarms-per-hour on drives like
these, with a confidence of --confidence. `cosme_ros/calibration/calibrator.py` does the work.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosme_ros import topics
from cosme_ros.bundle.calibration_table import decimal_rate
from cosme_ros.calibration.bag_survey import Scoring
from cosme_ros.calibration.calibrator import (
    Calibrator,
    CameraCalibration,
    FalseAlarmGuarantee,
    listed,
)
from cosme_ros.calibration.false_alarms import (
    ALARM_GAP,
    MOST_ALARMING_FRAMES,
    GuaranteeError,
    count_alarms,
    highest_rate,
)
from cosme_ros.calibration.guarantee import GUARANTEE_KEY
from cosme_ros.cli.detector_options import FAILURES as DETECTOR_FAILURES
from cosme_ros.cli.options import (
    DRIVE_HELP,
    add_frame_rate_option,
    add_node_options,
    add_overwrite_option,
    command_parser,
    orientation_of,
    positive,
    probability,
)
from cosme_ros.cli.progress import ProgressBars
from cosme_ros.command_frame import Interrupted, run_command
from cosme_ros.output_folder import check_output_dir
from cosme_ros.postprocessing.static_mask import load_static_mask

FAILURES = (*DETECTOR_FAILURES, GuaranteeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    scores = options.keep_scores or options.out.with_name(f"{options.out.name}.scores")
    status = run_command("calibrate", lambda: _run(options, scores), FAILURES)
    if status and scores.is_dir():
        print(
            f"The scores so far are in {scores}; the same command continues from there, also for "
            "another guarantee.",
            file=sys.stderr,
        )
    return status


def _run(options: argparse.Namespace, scores: Path) -> None:
    check_output_dir(options.out, overwrite=options.overwrite)
    calibrator = Calibrator(
        options.bundle,
        FalseAlarmGuarantee(options.false_alarms_per_hour, options.confidence, options.alarm_gap),
        Scoring(
            image_topics=tuple(options.image_topic or [topics.CAMERA_IMAGE]),
            label_topic=options.label_topic,
            region=options.region,
            minimum_area=options.minimum_area,
            temporal=options.temporal,
            static_mask=load_static_mask(options.static_mask),
            orientation=orientation_of(options),
            frame_rate=options.frame_rate,
        ),
        provider=options.provider,
        threads=options.threads,
        device=options.device,
    )
    try:
        with ProgressBars() as bars:
            result = calibrator.calibrate(
                options.bags,
                scores,
                camera=options.camera,
                on_progress=bars,
                on_warning=bars.warn,
            )
        result.write(options.out, overwrite=options.overwrite)
    except KeyboardInterrupt:
        raise Interrupted("no bundle was written") from None
    except FAILURES as error:
        raise ValueError(f"Nothing was calibrated: {error}") from error
    if options.keep_scores is None:
        shutil.rmtree(scores, ignore_errors=True)
    for camera, found in result.cameras.items():
        print(_summary(camera, found, options.out / found.folder, calibrator.guarantee))
    if options.static_mask:
        print(f"and static_mask:={shlex.quote(options.static_mask)}")
    if options.image_rotation:
        print(f"and image_rotation:={options.image_rotation}")
    if options.image_flip != "none":
        print(f"and image_flip:={options.image_flip}")


def _summary(
    camera: str, found: CameraCalibration, folder: Path, guarantee: FalseAlarmGuarantee
) -> str:
    calibration = found.calibration
    record = calibration[GUARANTEE_KEY]
    hours, confidence = record["hours"], 100 * guarantee.confidence
    height, width = record["image_size"]["height"], record["image_size"]["width"]
    rate = decimal_rate(record["false_positive_rate"])
    periods = np.concatenate([np.diff(drive.stamps) for drive in found.drives]) * 1e-9
    lines = [
        f"\ncamera '{camera}': {calibration['frames']} normal frames of {width}x{height} pixels, "
        f"{hours:.3g} h, about {1 / float(np.median(periods)):.3g} a second",
        f"left out: {listed(found.left_out)}",
        f"guaranteed: at most {guarantee.rate:g} false alarms an hour of such drives, at "
        f"{confidence:g} % confidence",
        f"in these: {record['alarms_measured']} alarms (up to {record['alarms_allowed']} allowed); "
        f"alarming frames no more than {guarantee.gap:g} s apart are one",
        "",
        f"{'false_positive_rate':>20}{'frames alarming':>18}{'alarms an hour here':>22}"
        f"{f'at {confidence:g} % below':>16}",
    ]
    every = np.concatenate([drive.alarm_scores for drive in found.drives])
    for row in calibration["table"]:
        share = float(np.mean(every >= row["raw_score"]))
        line = f"{decimal_rate(row['false_positive_rate']):>20}{share:18.2%}"
        if share > MOST_ALARMING_FRAMES:  # they run together, and their number says nothing
            lines.append(f"{line}{'hardly ever silent':>22}")
            continue
        alarms = count_alarms(found.drives, row["raw_score"], gap=guarantee.gap)
        guaranteed = row["false_positive_rate"] == record["false_positive_rate"]
        # Of the guaranteed line, which was chosen by its count, the guarantee is the bound.
        limit = guarantee.rate if guaranteed else highest_rate(alarms, hours, guarantee.confidence)
        lines.append(
            f"{line}{alarms / hours:22.3g}{limit:16.3g}"
            + ("  <- the guaranteed one" if guaranteed else "")
        )
    lines += [
        "",
        f"Run the node with bundle:={shlex.quote(str(folder))} false_positive_rate:={rate}",
        f"and, as here, region:={record['region']} minimum_area:={record['minimum_area']} "
        f"temporal:={record.get('temporal', 'none')}",
    ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "calibrate",
        "Write a bundle again with an alarm line from your own drives, in which nothing was "
        "wrong, and a guarantee: no more false alarms than asked for, on drives like these. A "
        "false alarm is an obstacle in such a frame; frames near each other are one alarm. The "
        "guarantee holds with the confidence given, under the node's settings given here; with no "
        "alarm at all, one an hour at 95 % takes 3.0 h of drive. What the drives do not support "
        "is refused, with what they would support. Damaged bags count as far as they can be read. "
        "After Ctrl-C, the same command continues where it was. Every other file of the bundle "
        "stays as it is. Needs no ROS.",
        example="drive_1 drive_2 --bundle bundles/mine --out bundles/mine_calibrated "
        "--false-alarms-per-hour 1",
    )
    parser.add_argument("bags", nargs="+", type=Path, metavar="DRIVE", help=DRIVE_HELP)
    parser.add_argument("--bundle", type=Path, help="bundle directory", required=True)
    parser.add_argument(
        "--out",
        type=Path,
        help="where to write; with several cameras one bundle each, OUT/<frame_id>",
        required=True,
    )
    add_overwrite_option(parser)
    parser.add_argument(
        "--false-alarms-per-hour", type=positive, help="what to guarantee", required=True
    )
    parser.add_argument(
        "--confidence",
        type=probability,
        default=0.95,
        help="probability that a guarantee made like this holds",
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
        help="frame_id of the frames to use ('camera' for images and videos); without it, every "
        "camera gets a bundle",
    )
    parser.add_argument(
        "--image-topic",
        nargs="+",
        help="of a bag: Image or CompressedImage; several for several cameras (default: "
        f"{topics.CAMERA_IMAGE})",
    )
    parser.add_argument(
        "--label-topic",
        default=topics.CAMERA_LABELS,
        help="of a bag: mono8 or mono16 Image: 0 normal, 1 anomaly, 255 ignored. In a bag that has "
        "it, frames with anomalies or without a label are left out; '' ignores it",
    )
    add_frame_rate_option(parser)
    add_node_options(
        parser,
        "region",
        "minimum_area",
        "static_mask",
        "image_rotation",
        "image_flip",
        "temporal",
        "provider",
        "device",
        "threads",
    )
    parser.add_argument(
        "--keep-scores",
        type=Path,
        metavar="DIR",
        help="keep the scores of each bag here, and use those that are there: another guarantee "
        "then takes seconds. Else they are in OUT.scores until the bundle is written",
    )
    return parser
