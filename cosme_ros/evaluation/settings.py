# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The settings of an evaluation, in a form that travels to other processes and machines."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.calibration.false_alarms import ALARM_GAP
from cosme_ros.metrics.component_metrics import ANOMALY_TRACK, OBSTACLE_TRACK
from cosme_ros.parameters import Settings
from cosme_ros.sources.interface import FRAME_RATE

COMPONENT_SIZES = {"anomaly": ANOMALY_TRACK, "obstacle": OBSTACLE_TRACK}
"""SegmentMeIfYouCan's two tracks by name."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How every bag is evaluated. `false_positive_rate` to `alarm_window` are the node's.

    >>> EvaluationSettings(alarm_gap=2.0).component_sizes
    'anomaly'
    """

    image_topic: str | None = None
    """Of a bag. None: the usual one, or the only one that holds pictures."""
    labels: LabelSettings = field(default_factory=LabelSettings)
    frame_rate: float = FRAME_RATE
    """Of a folder of images that are not named by stamps, in frames a second."""
    provider: str = Settings.provider
    device: int = Settings.device
    """Number of the GPU."""
    threads: int = 0
    """Of ONNX Runtime, for each job; 0: the cores divided by the jobs."""
    false_positive_rate: float = Settings.false_positive_rate
    region: str = Settings.region
    minimum_area: int = Settings.minimum_area
    outline: str = Settings.outline
    static_mask: str = Settings.static_mask
    """Path; what it does not look at is ignored in the labels too. Empty: all is looked at."""
    marks: str = Settings.marks
    """Path of a file of marks, which is only read. Empty: none."""
    image_rotation: int = Settings.image_rotation
    image_flip: str = Settings.image_flip
    temporal: str = Settings.temporal
    alarm_min_seen: int = Settings.alarm_min_seen
    alarm_window: int = Settings.alarm_window
    alarm_gap: float = ALARM_GAP
    """Seconds; alarming frames no further apart are one alarm."""
    false_alarms_per_hour: float = 1.0
    """For which the report names the rate to set."""
    component_sizes: str = "anomaly"
    """One of COMPONENT_SIZES: the size from which components are judged."""
    pictures: int = 12
    """Of each kind in the report."""


def check_alarm_frames(settings: EvaluationSettings) -> None:
    """Raise ValueError for an alarm that needs more frames than it counts over."""
    if not 1 <= settings.alarm_min_seen <= settings.alarm_window:
        raise ValueError(
            f"alarm_min_seen is {settings.alarm_min_seen}; 1 to alarm_window, "
            f"{settings.alarm_window}, is right"
        )


_MOST_LISTED = 20  # instance ids run to thousands


def taken_for(labels: LabelSettings, held: Sequence[int]) -> dict[str, list[int]]:
    """Return the label values that occur, grouped by meaning: normal, anomaly or ignored."""
    return {
        "normal": [
            value for value in held if value not in (*labels.anomaly_ids, *labels.ignored_ids)
        ],
        "anomaly": [value for value in held if value in labels.anomaly_ids],
        "ignored": [value for value in held if value in labels.ignored_ids],
    }


def without_anomalies(labels: LabelSettings, held: Sequence[int]) -> str:
    """Return why nothing is labelled as an anomaly; '' where something is, or no labels are."""
    if not held or set(held) & set(labels.anomaly_ids):
        return ""
    return (
        f"no label holds an anomaly (anomaly ids: {listed(labels.anomaly_ids)}); the labels hold "
        f"the values {listed(held)}. All but the ignored is taken as normal, and figures that need "
        "anomalies are absent"
    )


def unheld_ids(labels: LabelSettings, held: Collection[int]) -> str:
    """Return a sentence on anomaly ids that no label holds; '' where all or none are held."""
    unheld = [value for value in labels.anomaly_ids if value not in held]
    if not held or not unheld or len(unheld) == len(labels.anomaly_ids):
        return ""
    return (
        f"no label holds the anomaly id {listed(unheld)}; the labels hold the values "
        f"{listed(sorted(held))}"
    )


def listed(values: Sequence[int]) -> str:
    """Return a text of the first values, and how many more there are."""
    more = len(values) - _MOST_LISTED
    return (", ".join(map(str, values[:_MOST_LISTED])) or "none") + (
        f" and {more} more" if more > 0 else ""
    )
