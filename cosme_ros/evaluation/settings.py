# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What `evaluate_bag` was asked for, in a form that travels to other processes and machines."""

from dataclasses import dataclass
from pathlib import Path

from cosme_ros.calibration.alarm_counting import ALARM_GAP
from cosme_ros.metrics.component_metrics import ANOMALY_TRACK, OBSTACLE_TRACK
from cosme_ros.parameters import Settings

COMPONENT_SIZES = {"anomaly": ANOMALY_TRACK, "obstacle": OBSTACLE_TRACK}
"""SegmentMeIfYouCan's two tracks by name."""


@dataclass(frozen=True)
class LabelSettings:
    """Where labels come from, and what their values mean; any other value is normal."""

    topic: str | None = None
    """None: the usual one, if the bag has it; empty: none."""
    folder: Path | None = None
    """Pictures named by the stamp of their frame in nanoseconds."""
    anomaly_ids: tuple[int, ...] = (1,)
    ignored_ids: tuple[int, ...] = (255,)


@dataclass(frozen=True)
class EvaluationSettings:
    """How every bag is evaluated. `false_positive_rate` to `temporal` are the node's."""

    bundle: Path
    image_topic: str | None = None
    """None: the usual one, or the only one that holds pictures."""
    labels: LabelSettings = LabelSettings()
    provider: str = Settings.provider
    threads: int = 1
    false_positive_rate: float = Settings.false_positive_rate
    region: str = Settings.region
    minimum_area: int = Settings.minimum_area
    outline: str = Settings.outline
    temporal: str = Settings.temporal
    alarm_gap: float = ALARM_GAP
    """Seconds; alarming frames no further apart are one alarm."""
    component_sizes: str = "anomaly"
    """One of COMPONENT_SIZES: the size from which components are judged."""
    pictures: int = 12
    """Of each kind in the report."""
