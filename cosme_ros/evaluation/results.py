# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is known of a bag when its frames have been judged. Plain data, to be merged and written."""

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from cosme_ros.evaluation.alarm_tracks import AlarmTrack
from cosme_ros.evaluation.gallery import KINDS, Picture
from cosme_ros.evaluation.identity_metrics import IdentityCounts
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacle
from cosme_ros.evaluation.score_distribution import ScoreDistribution
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.health.state import HealthState
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.component_metrics import ComponentAccumulator


@dataclass(frozen=True)
class FrameFigures:
    """The results of one frame."""

    frame: int
    """Counted from 0 in the order of the bag."""
    stamp: int
    bag_time: int
    """Nanoseconds."""
    peak: float
    """Highest score of the frame; 1.0 is the alarm line."""
    obstacles: int | None
    """In the mask; None where it is withheld."""
    mask_pixels: int | None
    mask_iou: float | None
    """With the mask of the frame before, where either is not empty."""
    anomalous_pixels: int | None
    """Labelled ones; None where the frame has no label."""
    missed: int
    """Labelled obstacles that are not found."""
    false_obstacles: int
    """Obstacles in the mask that touch nothing labelled as an anomaly; 0 without labels."""
    alarm_score: float | None = None
    """The highest alarm line, as raw score, at which the frame still shows an obstacle; 0 where it
    is below the calibration table. None where the frame may be abnormal: it is labelled with an
    anomaly, or has no label in a bag that has labels, or its mask is withheld."""
    health: str = HealthState.NO_REFERENCE.text
    """Of the camera at the frame: `health.state.HealthState`."""
    why: str = ""
    """What the score of the highest obstacle is made of, in a few words; '' without an obstacle."""

    @property
    def alarm(self) -> bool:
        """Return whether the frame has an obstacle."""
        return bool(self.obstacles)

    @property
    def known_normal(self) -> bool:
        """Return whether the frame is labelled and has no anomaly."""
        return self.anomalous_pixels == 0


@dataclass
class WarningLog:
    """The warnings of a bag: the first sentence of each kind, and how many there were.

    >>> log = WarningLog()
    >>> log.add("label", "frame 3 has no label")
    >>> log.add("label", "frame 4 has no label")
    >>> log.sentences()
    ['frame 3 has no label (and 1 more like it)']
    """

    first: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, sentence: str) -> None:
        """Count a warning; of each kind, the first sentence is stored."""
        self.first.setdefault(kind, sentence)
        self.counts[kind] += 1

    def sentences(self) -> list[str]:
        """Return one sentence a kind, with the number of further ones."""
        return [
            sentence
            + (f" (and {count - 1} more like it)" if (count := self.counts[kind]) > 1 else "")
            for kind, sentence in self.first.items()
        ]


@dataclass
class BagFigures:
    """One bag."""

    name: str
    """The shortest name that differs from those of the other bags."""
    path: Path
    image_topic: str
    labels: str
    """Where they came from, for people; empty: nowhere."""
    histogram: AnomalyHistogram
    """Of the labelled pixels, by raw score."""
    scores: ScoreDistribution
    alarm_components: ComponentAccumulator
    """At the alarm line: the mask as published."""
    best_components: ComponentAccumulator
    """At the score of best F1 over all bags; empty until that is known."""
    warnings: WarningLog
    label_values: tuple[int, ...] = ()
    """Every value that its labels hold, rising."""
    frames: list[FrameFigures] = field(default_factory=list)
    obstacles: list[LabelledObstacle] = field(default_factory=list)
    tracks: list[AlarmTrack] | None = None
    """That the mask has shown; None where obstacles were not followed."""
    identities: IdentityCounts | None = None
    """Of the labelled obstacles; None where obstacles were not followed."""
    pictures: dict[str, list[Picture]] = field(default_factory=lambda: {k: [] for k in KINDS})
    width: int = 0
    height: int = 0
    """Pixels of the first picture."""
    failed: int = 0
    """Frames that have no result: the score was not finite."""
    expected: int = 0
    """Number of pictures that the bag lists; 0 where that is not known."""
    interrupted: bool = False
    """Whether somebody wanted no more of it."""
    seconds: float = 0.0
    """That the evaluation took. Not a figure: differs from run to run."""


def interruption(bag: BagFigures) -> str:
    """Return how far the evaluation of a bag came."""
    of_all = f" of about {bag.expected}" if bag.expected else ""
    return f"interrupted after {len(bag.frames)}{of_all} frames"


@dataclass(frozen=True)
class Unreadable:
    """A bag of which nothing could be evaluated."""

    path: Path
    reason: str
    warnings: WarningLog


def named(name: str, path: Path, sentence: str) -> str:
    """Return the sentence with the bag's name before it, unless it begins with the bag's path."""
    text = sentence if sentence.startswith(str(path)) else f"{name}: {sentence}"
    return printable(text, MOST_OF_A_SENTENCE)


def pooled_scores(bags: Sequence[BagFigures]) -> ScoreDistribution:
    """Return the score distribution over all bags, of which there is one at least."""
    pooled = deepcopy(bags[0].scores)
    for bag in bags[1:]:
        pooled.include(bag.scores)
    return pooled


def pooled_histogram(bags: Iterable[BagFigures]) -> AnomalyHistogram:
    """Return one histogram of all labelled pixels of all bags."""
    pooled = AnomalyHistogram()
    for bag in bags:
        pooled.include(bag.histogram)
    return pooled
