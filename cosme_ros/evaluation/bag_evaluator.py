# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One bag, folder of images or video file through one detector, frame by frame."""

import functools
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from cosme_ros.adaptation.adaptation import apply_marks
from cosme_ros.bags.labelled_frames import BagFrame, at_size
from cosme_ros.bags.reading import BagError
from cosme_ros.bags.scenes import Scene, scene_at, scenes_of
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.evaluation.alarm_tracks import AlarmTracks
from cosme_ros.evaluation.gallery import (
    ALARM,
    FALSE_ALARM,
    HIGHEST,
    LAPSE,
    MISS,
    Picture,
    PictureBook,
    draw_frame,
)
from cosme_ros.evaluation.obstacle_tracking import (
    FalseAlarm,
    LabelledObstacles,
    Sighting,
    false_alarms,
)
from cosme_ros.evaluation.outputs import BagOutputs, OutputSettings
from cosme_ros.evaluation.results import BagFigures, FrameFigures, Unreadable, WarningLog
from cosme_ros.evaluation.score_distribution import ScoreDistribution
from cosme_ros.evaluation.settings import COMPONENT_SIZES, EvaluationSettings, without_anomalies
from cosme_ros.evaluation.workers import WorkFolder, ignore_interrupts, write_labelled
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import health_reference
from cosme_ros.health.state import HealthState, HealthTracker
from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.messages.image_orientation import ImageOrientation
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.component_metrics import ComponentAccumulator
from cosme_ros.metrics.labels import ANOMALY, IGNORED, to_size
from cosme_ros.missing_packages import MissingPackageError
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleDecision,
    decide_obstacles,
    obstacle_rule,
    search_area,
)
from cosme_ros.postprocessing.static_mask import load_static_mask, looked_at, visible_values
from cosme_ros.sources.interface import SourceError
from cosme_ros.sources.labelled import LabelledFrames, open_labelled_frames
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.frame_explainer import FrameExplainer
from cosme_ros.tracking.confirmed_obstacles import confirmed_only
from cosme_ros.tracking.continuity import Continuity
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker, Track
from cosme_ros.visualization.panels import FrameView
from cosme_ros.visualization.text import counted

# Frames that do not alarm are alike over so many: of these one may be shown.
_ALIKE = 15


@dataclass(frozen=True)
class BagTask:
    """One bag for a worker to evaluate."""

    number: int
    """Of the bag, in the order given."""
    bundle: Path
    path: Path
    name: str
    settings: EvaluationSettings
    outputs: OutputSettings
    work: WorkFolder
    owner: int
    """Process that has started the evaluation."""


def evaluate_bag(task: BagTask) -> BagFigures | Unreadable:
    """Evaluate every frame of a bag, or those until `WorkFolder.request_stop`.

    Raises BundleError, ProviderError and ValueError for settings that fit no bag.
    """
    ignore_interrupts(task.owner)
    detector = _detector(task.bundle, task.settings)
    warnings = WarningLog()
    began = monotonic()
    try:
        with open_labelled_frames(
            task.path,
            image_topic=task.settings.image_topic,
            labels=task.settings.labels,
            report=warnings.add,
            frame_rate=task.settings.frame_rate,
        ) as frames:
            run = _Run(task, detector, frames, warnings)
            figures = run.evaluate(frames)
    except (BagError, SourceError) as error:
        return Unreadable(task.path, str(error), warnings)
    if not figures.frames:
        if figures.interrupted:
            return Unreadable(task.path, "interrupted before its first frame", warnings)
        where = f" on '{figures.image_topic}'" if figures.image_topic else ""
        return Unreadable(task.path, f"no picture{where} could be evaluated", warnings)
    figures.seconds = monotonic() - began
    return figures


def component_metrics_at(task: BagTask, threshold: float) -> ComponentAccumulator:
    """Return the components of a bag's labelled frames, detected from a raw score on.

    A second pass, because the score of best F1 is known after the last frame of the last bag only.
    """
    components = ComponentAccumulator(COMPONENT_SIZES[task.settings.component_sizes])
    for grid, label in task.work.labelled(task.number):
        components.add(to_size(grid, label.shape) >= np.float32(threshold), label)
    return components


class _Run:
    """The state that goes from one frame to the next."""

    def __init__(
        self, task: BagTask, detector: Detector, frames: LabelledFrames, warnings: WarningLog
    ) -> None:
        self._task = task
        self._detector = detector
        calibration = detector.bundle.calibration
        self._lowest_line = calibration.threshold(calibration.rates[1])
        self._stream = CameraStream(detector, temporal=task.settings.temporal)
        self._static_mask = load_static_mask(task.settings.static_mask)
        self._health = HealthTracker(health_reference(detector.bundle.manifest["calibration"]))
        self._explainer = FrameExplainer(detector)
        self._rule = obstacle_rule(
            detector.bundle,
            region=task.settings.region,
            minimum_area=task.settings.minimum_area,
            outline=task.settings.outline,
            static_mask=self._static_mask,
        )
        sizes = COMPONENT_SIZES[task.settings.component_sizes]
        folder = task.settings.labels.folder
        self._figures = BagFigures(
            name=task.name,
            path=task.path,
            image_topic=frames.image_topic,
            labels=frames.label_topic or ("" if folder is None else str(folder)),
            histogram=AnomalyHistogram(),
            scores=ScoreDistribution(detector.bundle.manifest["calibration"]["table"]),
            alarm_components=ComponentAccumulator(sizes),
            best_components=ComponentAccumulator(sizes),
            warnings=warnings,
            expected=frames.count,
        )
        self._obstacles = LabelledObstacles(sizes.true)
        self._book = PictureBook(task.settings.pictures)
        self._mask_before: NDArray[np.uint8] | None = None
        self._alarm_runs = 0
        self._false_alarm_runs = 0
        self._tracker = _tracker(task.settings, warnings)
        self._tracks = AlarmTracks()
        self._continuity = Continuity()
        self._scenes = scenes_of(task.path)
        self._scene: Scene | None = None

    def evaluate(self, frames: LabelledFrames) -> BagFigures:
        task = self._task
        with ExitStack() as stack:
            task.work.expect(task.number, frames.count)
            progress = stack.enter_context(task.work.open_progress(task.number))
            self._scores = stack.enter_context(task.work.open_scores(task.number))
            self._outputs = stack.enter_context(BagOutputs(task.outputs, self._static_mask))
            for frame in _ahead(frames.read()):
                if task.work.stop_requested():
                    self._figures.interrupted = True
                    break
                self._add(frame)
                progress.write(b".")
        self._figures.label_values = frames.label_values()
        reason = without_anomalies(task.settings.labels, self._figures.label_values)
        if reason:
            self._figures.warnings.add("no anomaly", reason)
        self._figures.obstacles = self._obstacles.all
        if self._tracker is not None:
            self._figures.tracks = list(self._tracks.by_id.values())
            self._figures.identities = self._tracks.identities
        self._figures.pictures = {
            kind: self._book.pictures(kind) for kind in self._figures.pictures
        }
        return self._figures

    def _add(self, frame: BagFrame) -> None:
        figures = self._figures
        scene = scene_at(self._scenes, frame.bag_time)
        self._scene = scene
        if self._continuity.breaks(frame.stamp, scene):  # nothing goes on from the frame before
            self._obstacles.cut()
            self._mask_before = None
        height, width = frame.image.shape[:2]
        if not figures.width:
            figures.width, figures.height = width, height
            self._compare_aspect(height, width)
        try:
            detection = self._stream.detect(frame.image, frame.stamp)
        except ScoreFault as error:
            figures.failed += 1
            figures.warnings.add("score", f"frame {frame.index}, stamp {frame.stamp} ns: {error}")
            self._mask_before = None
            return
        if self._static_mask is not None and frame.label is not None:
            frame = replace(frame, label=self._static_mask.ignoring(frame.label, IGNORED))
        decision = decide_obstacles(detection, frame.image, self._rule)
        decision, tracks = self._followed(decision, frame.stamp)
        mask, obstacles = decision.mask, decision.obstacles
        label = None if frame.label is None else at_size(frame.label, height, width)
        shown: tuple[Sighting, ...] = ()
        false: tuple[FalseAlarm, ...] = ()
        if frame.label is not None and label is not None:
            grid = detection.raw_score_grid
            # From the grid and before the division by the threshold, as `training evaluate` does:
            # so the figures are the same, not only nearly.
            figures.histogram.add(to_size(grid, frame.label.shape), frame.label)
            write_labelled(self._scores, grid, frame.label)
            found = np.zeros(label.shape, bool) if mask is None else mask > 0
            figures.alarm_components.add(found, label)
            shown = self._obstacles.add(frame.index, frame.stamp, label, mask)
            if obstacles and mask is not None:
                false = false_alarms(mask, label, detection.score)
        if self._tracker is not None and mask is not None:
            self._tracks.add(
                frame.index,
                mask,
                obstacles,
                tracks,
                label=label,
                labelled=None if label is None else self._obstacles,
            )
        why = ""
        if mask is not None and obstacles:
            (why,) = self._explainer.notes(detection, obstacles[:1], mask)
        seen = FrameFigures(
            frame=frame.index,
            stamp=frame.stamp,
            bag_time=frame.bag_time,
            peak=float(visible_values(detection.score, self._static_mask).max()),
            obstacles=None if mask is None else len(obstacles),
            mask_pixels=None if mask is None else int(np.count_nonzero(mask)),
            mask_iou=_mask_iou(self._mask_before, mask),
            anomalous_pixels=None if label is None else int((label == ANOMALY).sum()),
            missed=sum(not sighting.found for sighting in shown),
            false_obstacles=len(false),
            alarm_score=self._alarm_score(detection, label),
            health=self._health_of(frame, detection),
            why=why,
        )
        figures.scores.add(
            visible_values(detection.raw_score_grid, self._static_mask),
            known_normal=seen.known_normal,
        )
        before = figures.frames[-1] if figures.frames else None
        figures.frames.append(seen)
        self._mask_before = mask
        self._offer_pictures(frame, detection, mask, label, seen, before, shown, false)
        self._outputs.write(frame, detection.score, mask, obstacles, scene, label)

    def _followed(
        self, decision: ObstacleDecision, stamp: int
    ) -> tuple[ObstacleDecision, tuple[Track, ...]]:
        """Return what of a frame is confirmed, as the node publishes it, and its tracks."""
        if self._tracker is None or decision.mask is None:
            return decision, ()
        tracks = self._tracker.update(decision.obstacles, stamp, scene=self._scene)
        tracked = confirmed_only(decision, tracks)
        return tracked.decision, tracked.tracks

    def _alarm_score(self, detection: Detection, label: NDArray[np.uint8] | None) -> float | None:
        """Return `FrameFigures.alarm_score`."""
        may_be_abnormal = bool(self._figures.labels) if label is None else (label == ANOMALY).any()
        area = None if may_be_abnormal else search_area(detection, self._rule)
        if area is None:
            return None
        # Lines below the calibration table cannot be set: without their pixels it is quicker.
        lowest = np.float32(self._lowest_line / self._detector.threshold)
        score = np.where(detection.score >= lowest, detection.score, np.float32(0))
        highest = frame_alarm_threshold(score, region=area.region, minimum_area=area.minimum_area)
        return highest * self._detector.threshold

    def _health_of(self, frame: BagFrame, detection: Detection) -> str:
        """Return the name of the camera's health state at a frame."""
        measures = frame_measures(
            frame.image,
            detection.grids,
            input_size=self._detector.bundle.input_size,
            static_mask=self._static_mask,
        )
        health = self._health.update(measures, frame.stamp)
        if health.state == HealthState.OUT_OF_DOMAIN:
            self._figures.warnings.add(
                health.state.text,
                f"frame {frame.index} is out of domain: {health.cause}; the node withholds its "
                "mask unless out_of_domain is 'publish', and these figures are of the mask itself",
            )
        return health.state.text

    def _compare_aspect(self, height: int, width: int) -> None:
        # Mask and detector warn too, but once a process, not a bag.
        mask = self._static_mask
        for kind, mismatch in (
            ("static mask", mask and mask.mismatch(height, width, "pictures are")),
            ("aspect", self._detector.mismatch(height, width)),
        ):
            if mismatch:
                self._figures.warnings.add(kind, mismatch)

    def _offer_pictures(
        self,
        frame: BagFrame,
        detection: Detection,
        mask: NDArray[np.uint8] | None,
        label: NDArray[np.uint8] | None,
        seen: FrameFigures,
        before: FrameFigures | None,
        shown: tuple[Sighting, ...],
        false: tuple[FalseAlarm, ...],
    ) -> None:
        if seen.alarm and not (before and before.alarm):
            self._alarm_runs += 1
        if seen.false_obstacles and not (before and before.false_obstacles):
            self._false_alarm_runs += 1
        score = detection.score
        view = FrameView(frame.image, score, mask, label, looked_at(self._static_mask, score))
        scene = "" if self._scene is None else self._scene.caption

        def offer(kind: str, group: int, rank: float, caption: str) -> None:
            def draw() -> Picture:
                thumbnail, large = draw_frame(
                    view, caption=scene or kind, note=f"frame {frame.index}: {caption}"
                )
                name, index, stamp = self._figures.name, frame.index, frame.stamp
                return Picture(kind, name, group, index, stamp, rank, caption, thumbnail, large)

            self._book.offer(kind, group, rank, draw)

        peak = f"peak {seen.peak:.2f}{f' ({seen.why})' if seen.why else ''}"
        for sighting in shown:
            number = sighting.obstacle
            ever_found = self._obstacles.all[number - 1].found_after is not None
            if ever_found:
                self._book.move(MISS, LAPSE, number)
            if not sighting.found:
                what = f"obstacle {number}, {sighting.area} pixels, not found; {peak}"
                offer(LAPSE if ever_found else MISS, number, sighting.area, what)
        if false:
            highest = max(alarm.peak for alarm in false)
            what = f"{counted(len(false), 'obstacle')} on nothing labelled; peak {highest:.2f}"
            what += f"; highest of the frame: {seen.why}" if seen.why else ""
            offer(FALSE_ALARM, self._false_alarm_runs, highest, what)
        if seen.alarm:
            what = f"{counted(seen.obstacles or 0, 'obstacle')}; {peak}"
            offer(ALARM, self._alarm_runs, seen.peak, what)
        offer(HIGHEST, frame.index // _ALIKE, seen.peak, peak)


def _tracker(settings: EvaluationSettings, warnings: WarningLog) -> ObstacleTracker | None:
    """Return what follows obstacles; None, with a warning, without its library if none needs it."""
    try:
        return ObstacleTracker(min_seen=settings.alarm_min_seen, window=settings.alarm_window)
    except MissingPackageError as error:
        if settings.alarm_min_seen > 1:
            raise ValueError(
                f"alarm_min_seen is {settings.alarm_min_seen}, and: {error}"
            ) from error
        warnings.add("tracking", f"alarms are not counted by obstacle: {error}")
        return None


def _mask_iou(before: NDArray[np.uint8] | None, now: NDArray[np.uint8] | None) -> float | None:
    if before is None or now is None or before.shape != now.shape:
        return None
    union = int(np.count_nonzero(before | now))
    return int(np.count_nonzero(before & now)) / union if union else None


def _ahead(frames: Generator[BagFrame, None, None]) -> Generator[BagFrame, None, None]:
    """Yield the same frames; a thread reads and decodes the next one in advance."""
    with ThreadPoolExecutor(1, thread_name_prefix="cosme_reader") as reader:
        coming = reader.submit(next, frames, None)
        try:
            while (frame := coming.result()) is not None:
                coming = reader.submit(next, frames, None)
                yield frame
        finally:
            # In the thread that has read: SQLite lets no other close what it has opened.
            reader.submit(frames.close)


@functools.lru_cache(maxsize=1)
def _detector(bundle: Path, settings: EvaluationSettings) -> Detector:
    """Return the detector, one for all bags that a process is given."""
    detector = Detector(
        load_bundle(bundle),
        provider=settings.provider,
        false_positive_rate=settings.false_positive_rate,
        threads=settings.threads,
        device_index=settings.device,
        orientation=ImageOrientation(settings.image_rotation, settings.image_flip),
    )
    apply_marks(detector, settings.marks)
    return detector
