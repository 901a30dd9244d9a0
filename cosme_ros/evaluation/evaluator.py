# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Evaluates a bundle on recorded drives: every frame, in the order of the bag, always the same."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from cosme_ros.adaptation.marks_file import existing_marks
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.calibrator import Progress
from cosme_ros.calibration.guarantee import counting_sentence, temporal_sentence
from cosme_ros.evaluation.advised_rates import advised_rates
from cosme_ros.evaluation.bag_evaluator import BagTask, component_metrics_at, evaluate_bag
from cosme_ros.evaluation.outputs import OutputSettings
from cosme_ros.evaluation.results import BagFigures, Unreadable, pooled_histogram
from cosme_ros.evaluation.settings import (
    COMPONENT_SIZES,
    EvaluationSettings,
    check_alarm_frames,
    unheld_ids,
)
from cosme_ros.evaluation.summary import BagEvaluation, summarised
from cosme_ros.evaluation.workers import BACKENDS, Workers, WorkFolder, workers
from cosme_ros.foreign_text import printable
from cosme_ros.postprocessing.static_mask import load_static_mask

_POLL_SECONDS = 0.3


class EvaluationError(Exception):
    """No frame of any bag could be evaluated.

    Attributes:
        unreadable: the bags, each with the reason.
    """

    def __init__(self, message: str, unreadable: Sequence[Unreadable] = ()) -> None:
        super().__init__(message)
        self.unreadable = tuple(unreadable)


class Evaluator:
    """Evaluates a bundle on rosbag2 bags, folders of images and video files, without ROS.

    Args:
        bundle: its folder.
        settings: what is read, the node's parameters, and how results are counted.
        jobs: bags at the same time; 0: as many as there are bags and cores.
        backend: 'loky' for processes of this machine, or 'dask' or 'ray'.
        scheduler: address of a running Dask or Ray cluster; None starts one on this machine.

    Raises:
        BundleError: the bundle is not valid.
        ValueError: it was not calibrated for the settings' false-positive rate, or the static mask
            or the file of marks is none.

    >>> evaluator = Evaluator("demo/bundle", EvaluationSettings(provider="cpu"))
    >>> evaluator.bundle.name
    'demo'

    `evaluator.evaluate(["demo/bag"]).total.pixels.average_precision` is then the AP of the drive.
    """

    def __init__(
        self,
        bundle: Path | str,
        settings: EvaluationSettings | None = None,
        *,
        jobs: int = 0,
        backend: str = BACKENDS[0],
        scheduler: str | None = None,
    ) -> None:
        self.bundle = load_bundle(bundle)
        settings = settings or EvaluationSettings()
        check_alarm_frames(settings)
        rate = self.bundle.rate(settings.false_positive_rate)
        self.settings = replace(settings, false_positive_rate=rate)
        self._alarm_threshold = self.bundle.calibration.threshold(rate)
        self._static_mask = load_static_mask(self.settings.static_mask)
        marks = self.settings.marks
        self._marks = len(existing_marks(Path(marks), self.bundle)) if marks else 0
        self._jobs = jobs
        self._backend = backend
        self._scheduler = scheduler
        self._work: WorkFolder | None = None

    def evaluate(
        self,
        bags: Sequence[Path | str],
        *,
        outputs: Sequence[OutputSettings] = (),
        work: Path | str | None = None,
        on_progress: Progress = lambda stage, done, total: None,
    ) -> BagEvaluation:
        """Run every frame of the bags through the detector.

        Args:
            bags: rosbag2 folders or files, damaged ones as far as they can be read; folders of
                images; video files.
            outputs: what to write of each bag besides the result; empty: nothing.
            work: folder for intermediate results, which every worker reaches by this path; it is
                removed afterwards. None: a temporary one of this machine.
            on_progress: see Progress; called from another thread.

        Returns:
            The metrics of all bags together and of each.

        Raises:
            ClusterError: the workers cannot be had.
            EvaluationError: no frame could be evaluated, or a bag is given twice.
            ProviderError: the bundle does not run on the provider.
        """
        began = monotonic()
        paths = [Path(bag).expanduser().resolve() for bag in bags]
        names = bag_names(paths)
        cores = len(os.sched_getaffinity(0))
        jobs = self._jobs or min(len(paths), cores)
        settings = replace(
            self.settings, threads=self.settings.threads or max(1, cores // max(1, jobs))
        )
        with self._work_folder(work) as folder:
            tasks = [
                BagTask(
                    number=number,
                    bundle=self.bundle.path.expanduser().resolve(),
                    path=path,
                    name=name,
                    settings=settings,
                    outputs=outputs[number] if outputs else OutputSettings(),
                    work=folder,
                    owner=os.getpid(),
                )
                for number, (path, name) in enumerate(zip(paths, names, strict=True))
            ]
            with (
                _watched(folder, on_progress),
                workers(jobs, self._backend, self._scheduler) as run,
            ):
                results = run(evaluate_bag, [(task,) for task in tasks])
                _evaluate_components(run, tasks, results)
        evaluated = [result for result in results if isinstance(result, BagFigures)]
        unreadable = [result for result in results if isinstance(result, Unreadable)]
        if not evaluated:
            raise EvaluationError("nothing could be evaluated", unreadable)
        origin = {
            "provider asked for": settings.provider,
            "jobs": f"{jobs} on {self._backend}",
            "took": f"{monotonic() - began:.1f} s",
        }
        return self._result(settings, evaluated, unreadable, outputs, origin)

    def request_stop(self) -> bool:
        """End `evaluate` after the frames at hand; its result is of the frames until then.

        May be called from a signal handler or another thread.

        Returns:
            Whether this is the first request.
        """
        if self._work is None or self._work.stop_requested():
            return False
        self._work.request_stop()
        return True

    @contextmanager
    def _work_folder(self, path: Path | str | None) -> Iterator[WorkFolder]:
        with ExitStack() as stack:
            if path is None:
                path = stack.enter_context(TemporaryDirectory(prefix="cosme_evaluation_"))
            self._work = WorkFolder(Path(path).resolve())
            self._work.make()
            stack.callback(self._work.remove)
            yield self._work
        self._work = None

    def _result(
        self,
        settings: EvaluationSettings,
        bags: list[BagFigures],
        unreadable: list[Unreadable],
        outputs: Sequence[OutputSettings],
        origin: dict[str, str],
    ) -> BagEvaluation:
        total, curve = summarised(bags, settings)
        return BagEvaluation(
            settings=settings,
            sizes=COMPONENT_SIZES[settings.component_sizes],
            alarm_threshold=self._alarm_threshold,
            bundle_path=self.bundle.path.expanduser().resolve(),
            bundle_name=self.bundle.name,
            bundle_digest=self.bundle.digest,
            bags=bags,
            unreadable=unreadable,
            total=total,
            by_bag=[summarised([bag], settings)[0] for bag in bags],
            curve=curve,
            advised_rates=advised_rates(
                bags,
                self.bundle.calibration,
                total.pixels,
                false_alarms_per_hour=settings.false_alarms_per_hour,
                alarm_gap=settings.alarm_gap,
            ),
            notes=self._notes(bags),
            outputs=_written(outputs),
            origin=origin,
        )

    def _notes(self, bags: Sequence[BagFigures]) -> tuple[str, ...]:
        calibration, settings = self.bundle.manifest["calibration"], self.settings
        mask = self._static_mask
        notes = (
            mask
            and f"{mask.hidden_share:.1%} of the image is not looked at (static mask {mask.path}): "
            "no obstacle is found there, and its pixels are ignored in the labels and in every "
            "figure",
            settings.marks
            and f"{self._marks} {'mark' if self._marks == 1 else 'marks'} of {settings.marks} "
            "taught the detector what is normal: these are not the figures of the bundle alone",
            counting_sentence(calibration, settings.alarm_gap),
            temporal_sentence(
                calibration,
                temporal=settings.temporal,
                false_positive_rate=settings.false_positive_rate,
            ),
            unheld_ids(settings.labels, {value for bag in bags for value in bag.label_values}),
        )
        return tuple(note for note in notes if note)


def bag_names(paths: Sequence[Path]) -> list[str]:
    """Return short names that differ: a path's last part, with as many before it as it takes.

    Raises:
        EvaluationError: a bag is given twice.

    >>> bag_names([Path("/monday/bag"), Path("/tuesday/bag"), Path("/drive.mcap")])
    ['monday/bag', 'tuesday/bag', 'drive.mcap']
    """
    absolute = [path.expanduser().resolve() for path in paths]
    for path in absolute:
        if absolute.count(path) > 1:
            raise EvaluationError(f"{path} is given twice")
    names = [path.name for path in absolute]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = [
            "/".join(path.parts[-depth:]) if names.count(name) > 1 else name
            for path, name in zip(absolute, names, strict=True)
        ]
    return [printable(name) for name in names]


def _evaluate_components(
    run: Workers, tasks: Sequence[BagTask], results: Sequence[BagFigures | Unreadable]
) -> None:
    """Add the components at the score of best pixel F1 over all bags, which is known only now."""
    pairs = [
        (task, result)
        for task, result in zip(tasks, results, strict=True)
        if isinstance(result, BagFigures)
    ]
    histogram = pooled_histogram(result for _, result in pairs)
    if not all(histogram.pixels):
        return
    threshold = histogram.result().best_f1_threshold
    found = run(component_metrics_at, [(task, threshold) for task, _ in pairs])
    for (_, result), components in zip(pairs, found, strict=True):
        result.best_components = components


def _written(outputs: Sequence[OutputSettings]) -> dict[str, Path]:
    written = {}
    for number, of_bag in enumerate(outputs, start=1):
        which = f" {number}" if len(outputs) > 1 else ""
        for what, path in ((f"output bag{which}", of_bag.bag), (f"video{which}", of_bag.video)):
            if path is not None and path.exists():
                written[what] = path
    return written


@contextmanager
def _watched(work: WorkFolder, on_progress: Progress) -> Iterator[None]:
    """Report the frames of all workers; their number grows when another bag is opened."""
    ended = threading.Event()

    def show() -> None:
        on_progress("evaluating", work.frames_done(), work.frames_expected() or None)

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            show()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        show()
