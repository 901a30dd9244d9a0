# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures of one bag, or of several together: the content of report.json and of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosme_ros.evaluation.advised_rates import AdvisedRate
from cosme_ros.evaluation.alarm_tracks import ObstacleAlarms, obstacle_alarms
from cosme_ros.evaluation.results import BagFigures, Unreadable, pooled_histogram, pooled_scores
from cosme_ros.evaluation.score_distribution import Exceedance
from cosme_ros.evaluation.settings import EvaluationSettings, without_anomalies
from cosme_ros.evaluation.temporal_metrics import (
    AlarmFigures,
    DetectionDelay,
    Stability,
    alarm_figures,
    detection,
    stability,
    together,
)
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics, Curve
from cosme_ros.metrics.component_metrics import (
    ANOMALY_TRACK,
    ComponentAccumulator,
    ComponentMetrics,
    MinimumSizes,
)


@dataclass(frozen=True)
class Summary:
    """Of one bag or of several. None where there is nothing to measure."""

    frames: int
    failed: int
    """Frames without a result, and not among `frames`."""
    labelled_frames: int
    normal_pixels: int
    anomalous_pixels: int
    absent: str
    """Why figures that need labelled anomalies are None; empty where they are there."""
    pixels: AnomalyMetrics | None
    """Thresholds in it are raw scores."""
    components_at_alarm_line: ComponentMetrics | None
    components_at_best_f1: ComponentMetrics | None
    """At the score of best pixel F1 over all bags together."""
    detection: DetectionDelay | None
    alarms: AlarmFigures
    alarms_where_nothing_is_wrong: AlarmFigures | None
    alarms_by_obstacle: ObstacleAlarms | None
    """None where obstacles were not followed."""
    stability: Stability
    exceedance: tuple[Exceedance, ...]


@dataclass(frozen=True)
class BagEvaluation:
    """Everything that a report is made of."""

    settings: EvaluationSettings
    sizes: MinimumSizes
    alarm_threshold: float
    """Raw score at the alarm line."""
    bundle_path: Path
    bundle_name: str
    bundle_digest: str
    bags: list[BagFigures]
    unreadable: list[Unreadable]
    total: Summary
    by_bag: list[Summary]
    curve: Curve | None
    """Over all bags."""
    advised_rates: tuple[AdvisedRate, ...]
    notes: tuple[str, ...]
    """What must not be overlooked of the whole, a sentence each."""
    outputs: dict[str, Path]
    """Other files that were written, by what they are."""
    origin: dict[str, str]
    """Command, provider, machine, versions."""


def summarised(
    bags: Sequence[BagFigures], settings: EvaluationSettings
) -> tuple[Summary, Curve | None]:
    """Return the summary of all frames of all bags, and the curves.

    Returns:
        The curves are None unless there are labels of both kinds, normal and anomaly.
    """
    histogram = pooled_histogram(bags)
    normal, anomalous = histogram.pixels
    both = bool(normal and anomalous)
    labelled = [f for bag in bags for f in bag.frames if f.anomalous_pixels is not None]
    # What is included has been judged; sizes would matter to what is added.
    alarm_components = ComponentAccumulator(ANOMALY_TRACK)
    best_components = ComponentAccumulator(ANOMALY_TRACK)
    for bag in bags:
        alarm_components.include(bag.alarm_components)
        best_components.include(bag.best_components)
    obstacles = [obstacle for bag in bags for obstacle in bag.obstacles]

    def alarms(*, normal_only: bool) -> AlarmFigures:
        return together(
            [
                alarm_figures(bag.frames, normal_only=normal_only, gap=settings.alarm_gap)
                for bag in bags
            ]
        )

    normal_alarms = alarms(normal_only=True)
    summary = Summary(
        frames=sum(len(bag.frames) for bag in bags),
        failed=sum(bag.failed for bag in bags),
        labelled_frames=len(labelled),
        normal_pixels=normal,
        anomalous_pixels=anomalous,
        absent="" if anomalous else _absent(bags, settings),
        pixels=histogram.result() if both else None,
        components_at_alarm_line=alarm_components.result() if anomalous else None,
        components_at_best_f1=best_components.result() if both else None,
        detection=detection(obstacles) if anomalous else None,
        alarms=alarms(normal_only=False),
        alarms_where_nothing_is_wrong=normal_alarms if normal_alarms.frames else None,
        alarms_by_obstacle=_alarms_by_obstacle(bags, labelled=bool(labelled), normal=normal_alarms),
        stability=stability([bag.frames for bag in bags]),
        exceedance=pooled_scores(bags).exceedance(),
    )
    return summary, histogram.curve() if both else None


def _alarms_by_obstacle(
    bags: Sequence[BagFigures], *, labelled: bool, normal: AlarmFigures
) -> ObstacleAlarms | None:
    if any(bag.tracks is None for bag in bags):
        return None
    return obstacle_alarms(
        [track for bag in bags for track in bag.tracks or ()],
        [bag.identities for bag in bags if bag.identities is not None],
        labelled=labelled,
        normal_seconds=normal.seconds,
    )


def _absent(bags: Sequence[BagFigures], settings: EvaluationSettings) -> str:
    held = sorted({value for bag in bags for value in bag.label_values})
    if not held:
        return "there are no labels"
    return without_anomalies(settings.labels, held) or "no frame with a result shows an anomaly"
