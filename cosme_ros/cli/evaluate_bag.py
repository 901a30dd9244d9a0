# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros evaluate_bag`: judge a bundle on recorded drives, without ROS.

Every frame, in the order of the bag, the same every time; several bags in parallel. What cannot be
read of a bag is told, and the rest is evaluated.
"""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

from tqdm import tqdm

from cosme_ros import topics
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.bundle.loading import Bundle, BundleError, load_bundle
from cosme_ros.calibration.guarantee import counting_sentence, temporal_sentence
from cosme_ros.cli.options import OBSTACLE_PARAMETERS, add_node_options, at_least, positive
from cosme_ros.evaluation.bag_evaluator import BagTask, evaluate_bag, judge_best_components
from cosme_ros.evaluation.outputs import OutputSettings
from cosme_ros.evaluation.results import (
    BagFigures,
    Unreadable,
    named,
    pooled_histogram,
)
from cosme_ros.evaluation.settings import COMPONENT_SIZES, EvaluationSettings, unheld_ids
from cosme_ros.evaluation.summary import BagEvaluation, Summary, summarised
from cosme_ros.evaluation.workers import BACKENDS, ClusterError, Workers, WorkFolder, workers
from cosme_ros.foreign_text import printable
from cosme_ros.inference.providers import ProviderError
from cosme_ros.reporting.bag_json import write_json
from cosme_ros.reporting.bag_page import as_page
from cosme_ros.reporting.environment import describe_environment
from cosme_ros.reporting.html import write_html

_WORK = ".evaluating"
_POLL_SECONDS = 0.3


class UsageError(Exception):
    """What was asked for cannot be done; the sentence says what would be right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 1 where nothing could be evaluated."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "cosme_ros", "evaluate_bag", *given])
    try:
        return _run(options, command)
    except (BundleError, ClusterError, OSError, ProviderError, UsageError, ValueError) as error:
        print(f"evaluate_bag failed: {error}", file=sys.stderr)
        return 1
    except BrokenExecutor as error:
        print(
            f"evaluate_bag failed: a worker ended before its time, perhaps for want of memory; "
            f"fewer --jobs need less: {error}",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("Interrupted twice: nothing was written.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace, command: str) -> int:
    began = monotonic()
    bundle = load_bundle(options.bundle)
    threshold = bundle.calibration.threshold(options.false_positive_rate)
    jobs = options.jobs or min(len(options.bags), _cores())
    settings = _settings(options, jobs)
    names = bag_names(options.bags)
    outputs = _outputs(options, names)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    work = WorkFolder(out.resolve() / _WORK)
    work.make()
    tasks = [
        BagTask(number, path.expanduser().resolve(), name, settings, of_bag, work, os.getpid())
        for number, (path, name, of_bag) in enumerate(
            zip(options.bags, names, outputs, strict=True)
        )
    ]
    try:
        with (
            _progress_bar(work, quiet=options.quiet),
            workers(jobs, options.backend, options.scheduler) as pool,
            _first_interrupt_asks(work),
        ):
            results = pool.map(evaluate_bag, [(task,) for task in tasks])
            _judge_components(pool, tasks, results)
    finally:
        work.remove()
    bags = [result for result in results if isinstance(result, BagFigures)]
    unreadable = [result for result in results if isinstance(result, Unreadable)]
    _tell_troubles(bags, unreadable)
    if not bags:
        print("evaluate_bag failed: nothing could be evaluated", file=sys.stderr)
        return 1
    origin = _origin(command, options, jobs, began)
    evaluation = _evaluation(settings, bundle, threshold, bags, unreadable, outputs, origin)
    for note in evaluation.notes:
        print(note, file=sys.stderr)
    page, figures = write_html(out, as_page(evaluation)), write_json(out, evaluation)
    print(_summary(evaluation, page, figures))
    return 0


def _settings(options: argparse.Namespace, jobs: int) -> EvaluationSettings:
    folder = options.label_folder
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--label-folder {folder} is no folder")
    if folder is not None and options.label_topic:
        raise UsageError("give --label-topic or --label-folder, not both")
    both = set(options.anomaly_ids) & set(options.ignored_ids)
    if both:
        raise UsageError(f"id {min(both)} cannot be an anomaly and ignored as well")
    return EvaluationSettings(
        bundle=options.bundle.expanduser().resolve(),
        image_topic=options.image_topic,
        labels=LabelSettings(
            topic=options.label_topic,
            folder=None if folder is None else folder.resolve(),
            anomaly_ids=options.anomaly_ids,
            ignored_ids=options.ignored_ids,
        ),
        provider=options.provider,
        threads=options.threads or max(1, _cores() // jobs),
        false_positive_rate=options.false_positive_rate,
        region=options.region,
        minimum_area=options.minimum_area,
        outline=options.outline,
        temporal=options.temporal,
        alarm_gap=options.alarm_gap,
        component_sizes=options.component_sizes,
        pictures=options.pictures,
    )


def bag_names(paths: Sequence[Path]) -> list[str]:
    """Short names that differ: the file's or folder's own, with as many of the folders above as it
    takes."""
    absolute = [path.expanduser().resolve() for path in paths]
    for path in absolute:
        if absolute.count(path) > 1:
            raise UsageError(f"{path} is given twice")
    names = [path.name for path in absolute]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = [
            "/".join(path.parts[-depth:]) if names.count(name) > 1 else name
            for path, name in zip(absolute, names, strict=True)
        ]
    return [printable(name) for name in names]


def _outputs(options: argparse.Namespace, names: Sequence[str]) -> list[OutputSettings]:
    """Of each bag. Told now, not after hours, if they cannot be written."""
    stems = [name.replace("/", "_") for name in names]
    bag: Path | None = options.output_bag
    if bag is not None and bag.exists():
        raise UsageError(f"--output-bag {bag} exists; give a folder that does not")
    several = len(stems) > 1
    return [
        OutputSettings(
            bag=None if bag is None else (bag / stem if several else bag).resolve(),
            video=(options.out / f"{stem}.mp4").resolve() if options.video else None,
        )
        for stem in stems
    ]


def _judge_components(
    pool: Workers, tasks: Sequence[BagTask], results: Sequence[BagFigures | Unreadable]
) -> None:
    """At the score of best pixel F1 over all bags, which is known only now."""
    pairs = [
        (task, result)
        for task, result in zip(tasks, results, strict=True)
        if isinstance(result, BagFigures)
    ]
    histogram = pooled_histogram(result for _, result in pairs)
    if not all(histogram.pixels):
        return
    threshold = histogram.result().best_f1_threshold
    judged = pool.map(judge_best_components, [(task, threshold) for task, _ in pairs])
    for (_, result), components in zip(pairs, judged, strict=True):
        result.best_components = components


def _evaluation(
    settings: EvaluationSettings,
    bundle: Bundle,
    threshold: float,
    bags: list[BagFigures],
    unreadable: list[Unreadable],
    outputs: Sequence[OutputSettings],
    origin: dict[str, str],
) -> BagEvaluation:
    total, curve = summarised(bags, settings)
    written = {}
    for number, of_bag in enumerate(outputs, start=1):
        which = f" {number}" if len(outputs) > 1 else ""
        for what, path in ((f"output bag{which}", of_bag.bag), (f"video{which}", of_bag.video)):
            if path is not None and path.exists():
                written[what] = path
    return BagEvaluation(
        settings=settings,
        sizes=COMPONENT_SIZES[settings.component_sizes],
        alarm_threshold=threshold,
        bundle_name=bundle.name,
        bundle_digest=bundle.digest,
        bags=bags,
        unreadable=unreadable,
        total=total,
        by_bag=[summarised([bag], settings)[0] for bag in bags],
        curve=curve,
        notes=_notes(settings, bundle, bags),
        outputs=written,
        origin=origin,
    )


def _notes(
    settings: EvaluationSettings, bundle: Bundle, bags: Sequence[BagFigures]
) -> tuple[str, ...]:
    held = {value for bag in bags for value in bag.label_values}
    notes = (
        counting_sentence(bundle.manifest["calibration"], settings.alarm_gap),
        temporal_sentence(
            bundle.manifest["calibration"],
            temporal=settings.temporal,
            false_positive_rate=settings.false_positive_rate,
        ),
        unheld_ids(settings.labels, held),
    )
    return tuple(note for note in notes if note)


def _origin(command: str, options: argparse.Namespace, jobs: int, began: float) -> dict[str, str]:
    facts = describe_environment()
    libraries = facts.pop("libraries")
    assert isinstance(libraries, dict)
    return {
        "command": command,
        "provider asked for": options.provider,
        "jobs": f"{jobs} on {options.backend}",
        "took": f"{monotonic() - began:.1f} s",
        **{name.replace("_", " "): str(value) for name, value in facts.items()},
        "versions": ", ".join(f"{name} {number}" for name, number in libraries.items()),
    }


def _tell_troubles(bags: Sequence[BagFigures], unreadable: Sequence[Unreadable]) -> None:
    for refused in unreadable:
        for sentence in (*refused.troubles.sentences(), f"not evaluated: {refused.reason}"):
            print(named(refused.path.name, refused.path, sentence), file=sys.stderr)
    for bag in bags:
        for sentence in bag.troubles.sentences():
            print(named(bag.name, bag.path, sentence), file=sys.stderr)
        if bag.interrupted:
            print(
                f"{bag.name}: interrupted after {len(bag.frames)} of about {bag.expected} frames; "
                "the report is of those",
                file=sys.stderr,
            )


def _summary(evaluation: BagEvaluation, page: Path, figures: Path) -> str:
    lines = [""]
    width = max(len("all bags"), *(len(bag.name) for bag in evaluation.bags))
    lines.append(
        f"{'':{width}}  frames  alarming  alarms/min      AP   AUROC   FPR95     found  quiet/min"
    )
    rows = [(bag.name, of_bag) for bag, of_bag in
            zip(evaluation.bags, evaluation.by_bag, strict=True)]  # fmt: skip
    if len(rows) > 1:
        rows.append(("all bags", evaluation.total))
    lines += [f"{name:{width}}  {_line(summary)}" for name, summary in rows]
    lines.append(
        f"alarms: alarming frames no more than {evaluation.settings.alarm_gap:g} s apart are one"
    )
    if evaluation.total.labelled_frames:
        lines.append("quiet: where labels say that nothing is wrong")
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
        + cell(summary.alarms.alarms_a_minute, ".2f", 12)
        + cell(None if pixels is None else pixels.average_precision, ".4f", 8)
        + cell(None if pixels is None else pixels.auroc, ".4f", 8)
        + cell(None if pixels is None else pixels.fpr95, ".4f", 8)
        + f"{of_obstacles:>10}"
        + cell(None if quiet is None else quiet.alarms_a_minute, ".2f", 11)
    )


@contextmanager
def _progress_bar(work: WorkFolder, *, quiet: bool) -> Iterator[None]:
    """Of frames, whoever works on them; its end moves on when another bag is opened."""
    done = threading.Event()

    def watch(bar: "tqdm[Any]") -> None:
        while not done.wait(_POLL_SECONDS):
            show(bar)

    def show(bar: "tqdm[Any]") -> None:
        bar.total = work.frames_expected() or None
        bar.update(work.frames_done() - bar.n)

    with tqdm(unit="frame", disable=quiet) as bar:
        watcher = threading.Thread(target=watch, args=(bar,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            show(bar)


@contextmanager
def _first_interrupt_asks(work: WorkFolder) -> Iterator[None]:
    """Ctrl-C once ends every bag after its frame, and the report is of what was seen; twice ends
    everything."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        if work.is_to_stop():
            raise KeyboardInterrupt
        work.ask_to_stop()
        print("\nInterrupted: writing the report of what was seen", file=sys.stderr)

    previous: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _ids(text: str) -> tuple[int, ...]:
    ids = tuple(int(part) for part in text.split(",") if part.strip())
    for number in ids:
        if not 0 <= number <= 65535:
            raise argparse.ArgumentTypeError(f"{number} is no value of a mono8 or mono16 label")
    return ids


def _parser() -> argparse.ArgumentParser:
    labels = LabelSettings()
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros evaluate_bag",
        description="Judge a bundle on rosbag2 bags (MCAP or sqlite3, folders or single files, "
        "damaged ones as far as they go) and write report.html and report.json. Needs no ROS.",
    )
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="rosbag2 folder or file")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    read = parser.add_argument_group("what is read")
    read.add_argument(
        "--image-topic",
        help=f"Image or CompressedImage (default: {topics.CAMERA_IMAGE}, or the only topic "
        "with pictures)",
    )
    read.add_argument(
        "--label-topic",
        help="mono8 or mono16 Image of ids with the pictures' stamps; '' for none (default: "
        f"{topics.CAMERA_LABELS}, if the bag has it)",
    )
    read.add_argument(
        "--label-folder",
        type=Path,
        help="instead of a topic: PNG files of ids named by the stamp of their picture in "
        "nanoseconds, in this folder or in one in it that is named as the bag",
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
        help="label values that are not judged (default: 255); any other value is normal",
    )
    node = parser.add_argument_group("as the node's parameters")
    add_node_options(
        node,
        *OBSTACLE_PARAMETERS,
    )
    node.add_argument(
        "--threads",
        type=at_least(0),
        default=0,
        help="of ONNX Runtime, for each job; 0: the cores divided by the jobs (default: 0)",
    )
    counted = parser.add_argument_group("how it is judged")
    counted.add_argument(
        "--alarm-gap",
        type=positive,
        default=EvaluationSettings.alarm_gap,
        help="seconds; alarming frames no further apart are one alarm, as in `calibrate` "
        "(default: %(default)s)",
    )
    counted.add_argument(
        "--component-sizes",
        choices=tuple(COMPONENT_SIZES),
        default=EvaluationSettings.component_sizes,
        help="from which size SegmentMeIfYouCan's anomaly or obstacle track judges components "
        "(default: %(default)s)",
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
        help="of each kind in the report: misses, false alarms, alarms (default: %(default)s)",
    )
    many = parser.add_argument_group("several bags")
    many.add_argument(
        "--jobs",
        type=at_least(0),
        default=0,
        help="bags at the same time; 0: as many as there are bags and cores (default: 0)",
    )
    many.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="of joblib: processes of this machine, or a cluster whose workers see bags, bundle "
        "and OUT by the same paths (default: %(default)s)",
    )
    many.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running Dask or Ray cluster; without it, one is started here",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser
