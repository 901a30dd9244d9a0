# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros evaluate_bag`: evaluate a bundle on recorded drives, without ROS.

`cosme_ros/evaluation/evaluator.py` does the work.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType

from cosme_ros import topics
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.cli.detector_options import FAILURES
from cosme_ros.cli.options import (
    DRIVE_HELP,
    OBSTACLE_PARAMETERS,
    add_node_options,
    add_overwrite_option,
    add_source_options,
    at_least,
    command,
    command_parser,
    positive,
)
from cosme_ros.cli.progress import ProgressBars
from cosme_ros.command_frame import DONE, INTERRUPTED, Interrupted, UsageError, handled_signals
from cosme_ros.evaluation.advised_rates import NO_SUCH_RATE
from cosme_ros.evaluation.evaluator import EvaluationError, Evaluator, bag_names
from cosme_ros.evaluation.outputs import OutputSettings
from cosme_ros.evaluation.results import BagFigures, Unreadable, interruption, named
from cosme_ros.evaluation.settings import COMPONENT_SIZES, EvaluationSettings
from cosme_ros.evaluation.summary import BagEvaluation, Summary
from cosme_ros.evaluation.workers import BACKENDS, ClusterError
from cosme_ros.output_folder import BAG_CONTENTS, check_output_dir, prepare_output_dir
from cosme_ros.reporting.bag_json import write_json
from cosme_ros.reporting.bag_page import write_page
from cosme_ros.reporting.environment import describe_environment

_WORK = ".evaluating"
CONTENTS = ("report.html", "report.json", "*.mp4", _WORK)
"""What the command writes to its folder, as patterns."""


def _run(options: argparse.Namespace) -> int:
    settings = _settings(options)
    evaluator = Evaluator(
        options.bundle,
        settings,
        jobs=options.jobs,
        backend=options.backend,
        scheduler=options.scheduler,
    )
    out: Path = options.out
    outputs = _outputs(options)
    prepare_output_dir(out, CONTENTS, overwrite=options.overwrite)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not evaluator.request_stop():
            raise KeyboardInterrupt
        print("\nInterrupted: writing the report of the frames until now", file=sys.stderr)

    try:
        with (
            ProgressBars(quiet=options.quiet) as bars,
            handled_signals(stop, signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        ):
            evaluation = evaluator.evaluate(
                options.bags, outputs=outputs, work=out / _WORK, on_progress=bars
            )
    except EvaluationError as error:
        _print_warnings([], error.unreadable)
        raise
    except BrokenExecutor as error:
        raise BrokenExecutor(
            "a worker ended before its time, perhaps because memory ran out; fewer --jobs need "
            f"less: {error}"
        ) from error
    except KeyboardInterrupt:
        raise Interrupted("nothing was written") from None
    _print_warnings(evaluation.bags, evaluation.unreadable)
    for note in evaluation.notes:
        print(note, file=sys.stderr)
    origin = {"command": options.command, **evaluation.origin, **_environment()}
    evaluation = replace(evaluation, origin=origin)
    page, figures = write_page(out, evaluation), write_json(out, evaluation)
    print(_summary(evaluation, page, figures))
    return INTERRUPTED if any(bag.interrupted for bag in evaluation.bags) else DONE


def _settings(options: argparse.Namespace) -> EvaluationSettings:
    folder = options.label_folder
    try:
        labels = LabelSettings(
            topic=options.label_topic,
            folder=None if folder is None else folder.resolve(),
            anomaly_ids=options.anomaly_ids,
            ignored_ids=options.ignored_ids,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    given = {
        field.name: getattr(options, field.name)
        for field in fields(EvaluationSettings)
        if hasattr(options, field.name)
    }
    files = {
        name: given[name] and str(Path(given[name]).expanduser().resolve())
        for name in ("static_mask", "marks")
    }
    return EvaluationSettings(**{**given, **files, "labels": labels})


def _outputs(options: argparse.Namespace) -> list[OutputSettings]:
    """Return the outputs of each bag. What cannot be written is an error now, not after hours."""
    stems = [name.replace("/", "_") for name in bag_names(options.bags)]
    bag: Path | None = options.output_bag
    several = len(stems) > 1
    outputs = [
        OutputSettings(
            bag=None if bag is None else (bag / stem if several else bag).resolve(),
            video=(options.out / f"{stem}.mp4").resolve() if options.video else None,
        )
        for stem in stems
    ]
    for of_bag in outputs:
        if of_bag.bag is not None:
            check_output_dir(of_bag.bag, BAG_CONTENTS, overwrite=options.overwrite)
    for of_bag in outputs:
        if of_bag.bag is not None:
            prepare_output_dir(of_bag.bag, BAG_CONTENTS, overwrite=options.overwrite)
    return outputs


def _environment() -> dict[str, str]:
    facts = describe_environment()
    libraries = facts.pop("libraries")
    assert isinstance(libraries, dict)
    return {
        **{name.replace("_", " "): str(value) for name, value in facts.items()},
        "versions": ", ".join(f"{name} {number}" for name, number in libraries.items()),
    }


def _print_warnings(bags: Sequence[BagFigures], unreadable: Sequence[Unreadable]) -> None:
    for refused in unreadable:
        for sentence in (*refused.warnings.sentences(), f"not evaluated: {refused.reason}"):
            print(named(refused.path.name, refused.path, sentence), file=sys.stderr)
    for bag in bags:
        for sentence in bag.warnings.sentences():
            print(named(bag.name, bag.path, sentence), file=sys.stderr)
        if bag.interrupted:
            print(
                f"{bag.name}: {interruption(bag)}; the report is of those",
                file=sys.stderr,
            )


def _summary(evaluation: BagEvaluation, page: Path, figures: Path) -> str:
    lines = [""]
    width = max(len("all bags"), *(len(bag.name) for bag in evaluation.bags))
    lines.append(
        f"{'':{width}}  frames  alarming  in alarm  alarms/min      AP   AUROC   FPR95     found"
        "  quiet/min"
    )
    rows = [(bag.name, of_bag) for bag, of_bag in
            zip(evaluation.bags, evaluation.by_bag, strict=True)]  # fmt: skip
    if len(rows) > 1:
        rows.append(("all bags", evaluation.total))
    lines += [f"{name:{width}}  {_line(summary)}" for name, summary in rows]
    lines.append(
        f"alarms: alarming frames no more than {evaluation.settings.alarm_gap:g} s apart are one; "
        "in alarm: share of the time"
    )
    if evaluation.total.labelled_frames:
        lines.append("quiet: where labels say that nothing is wrong")
    lines += [
        f"{rate.purpose}: {rate.setting or NO_SUCH_RATE} ({rate.effect})"
        for rate in evaluation.advised_rates
    ]
    lines += ["", f"{page}  to look at", f"{figures}  all numbers"]
    lines += [f"{path}  {what}" for what, path in evaluation.outputs.items()]
    return "\n".join(lines)


def _line(summary: Summary) -> str:
    def cell(value: float | None, form: str, width: int) -> str:
        return f"{'-' if value is None else format(value, form):>{width}}"

    pixels, found = summary.pixels, summary.detection
    quiet = summary.alarms_where_nothing_is_wrong
    of_obstacles = "-" if found is None else f"{found.found} of {found.obstacles}"
    return (
        f"{summary.frames:>6}"
        + cell(summary.alarms.alarm_rate, ".1%", 10)
        + cell(summary.alarms.time_in_alarm, ".1%", 10)
        + cell(summary.alarms.alarms_a_minute, ".2f", 12)
        + cell(None if pixels is None else pixels.average_precision, ".4f", 8)
        + cell(None if pixels is None else pixels.auroc, ".4f", 8)
        + cell(None if pixels is None else pixels.fpr95, ".4f", 8)
        + f"{of_obstacles:>10}"
        + cell(None if quiet is None else quiet.alarms_a_minute, ".2f", 11)
    )


def _ids(text: str) -> tuple[int, ...]:
    ids = tuple(int(part) for part in text.split(",") if part.strip())
    for number in ids:
        if not 0 <= number <= 65535:
            raise argparse.ArgumentTypeError(f"{number} is no value of a mono8 or mono16 label")
    return ids


def _parser() -> argparse.ArgumentParser:
    labels = LabelSettings()
    parser = command_parser(
        "evaluate_bag",
        "Evaluate a bundle on recorded drives and write report.html and report.json. A drive is a "
        "rosbag2 bag (MCAP or sqlite3, a folder or a single file, a damaged one as far as it "
        "goes), a ROS 1 bag, a folder of images, or a video file. Needs no ROS.",
        example="demo/bag --bundle demo/bundle --out report",
    )
    parser.add_argument("bags", nargs="+", type=Path, metavar="DRIVE", help=DRIVE_HELP)
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    add_overwrite_option(parser)
    read = parser.add_argument_group("what is read")
    add_source_options(read)
    read.add_argument(
        "--label-topic",
        help="of a bag: mono8 or mono16 Image of ids with the pictures' stamps; '' for none "
        f"(default: {topics.CAMERA_LABELS}, if the bag has it)",
    )
    read.add_argument(
        "--label-folder",
        type=Path,
        help="instead of a topic: PNG files of ids, in this folder or in one in it that is named "
        "as the drive. They are named by the stamp of their picture in nanoseconds; of a folder "
        "of images, as the image; of a video, by the index of the frame from 0, or its stamp",
    )
    read.add_argument(
        "--anomaly-ids",
        type=_ids,
        default=labels.anomaly_ids,
        metavar="ID,ID",
        help="label values that are an anomaly (default: 1)",
    )
    read.add_argument(
        "--ignored-ids",
        type=_ids,
        default=labels.ignored_ids,
        metavar="ID,ID",
        help="label values that are not evaluated (default: 255); any other value is normal",
    )
    node = parser.add_argument_group("as the node's parameters")
    add_node_options(
        node,
        *OBSTACLE_PARAMETERS,
        "alarm_min_seen",
        "alarm_window",
    )
    node.add_argument(
        "--threads",
        type=at_least(0),
        default=0,
        help="of ONNX Runtime, for each job; 0: the cores divided by the jobs",
    )
    counted = parser.add_argument_group("how it is counted")
    counted.add_argument(
        "--alarm-gap",
        type=positive,
        default=EvaluationSettings.alarm_gap,
        help="seconds; alarming frames no further apart are one alarm, as in `calibrate`",
    )
    counted.add_argument(
        "--false-alarms-per-hour",
        type=positive,
        default=EvaluationSettings.false_alarms_per_hour,
        help="for which the report names the false_positive_rate to set, by the frames labelled as "
        "normal, or by all where there are no labels",
    )
    counted.add_argument(
        "--component-sizes",
        choices=tuple(COMPONENT_SIZES),
        default=EvaluationSettings.component_sizes,
        help="from which size SegmentMeIfYouCan's anomaly or obstacle track judges components",
    )
    written = parser.add_argument_group("what is written")
    written.add_argument(
        "--output-bag",
        type=Path,
        help="also write score, mask and overlay with the original stamps as a rosbag2 (MCAP); "
        "of several bags, a folder with one for each",
    )
    written.add_argument(
        "--video",
        action="store_true",
        help="also write an MP4 (VP9) of each bag to OUT, about half a second a frame",
    )
    written.add_argument(
        "--pictures",
        type=at_least(0),
        default=EvaluationSettings.pictures,
        help="of each kind in the report: misses, false alarms, alarms",
    )
    many = parser.add_argument_group("several bags")
    many.add_argument(
        "--jobs",
        type=at_least(0),
        default=0,
        help="bags at the same time; 0: as many as there are bags and cores",
    )
    many.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="of joblib: processes of this machine, or a cluster whose workers see bags, bundle "
        "and OUT by the same paths",
    )
    many.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running Dask or Ray cluster; without it, one is started here",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


main = command(
    "evaluate_bag",
    _parser,
    _run,
    (*FAILURES, BrokenExecutor, ClusterError, EvaluationError),
)
