# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the values in labels were taken for, and what to say where anomalies are not among them."""

from collections.abc import Collection, Sequence

from cosme_ros.evaluation.settings import LabelSettings

_MOST_LISTED = 20  # instance ids run to thousands


def taken_for(labels: LabelSettings, held: Sequence[int]) -> dict[str, list[int]]:
    """The values that labels hold, by what they mean: normal, anomaly or ignored."""
    return {
        "normal": [
            value for value in held if value not in (*labels.anomaly_ids, *labels.ignored_ids)
        ],
        "anomaly": [value for value in held if value in labels.anomaly_ids],
        "ignored": [value for value in held if value in labels.ignored_ids],
    }


def without_anomalies(labels: LabelSettings, held: Sequence[int]) -> str:
    """Why nothing is labelled as an anomaly; '' where something is, or nothing is labelled."""
    if not held or set(held) & set(labels.anomaly_ids):
        return ""
    return (
        f"no label holds an anomaly (anomaly ids: {listed(labels.anomaly_ids)}); the labels hold "
        f"the values {listed(held)}. All but the ignored is taken as normal, and figures that need "
        "anomalies are absent"
    )


def unheld_ids(labels: LabelSettings, held: Collection[int]) -> str:
    """Which of several anomaly ids no label of any bag holds; '' where all or none are held."""
    unheld = [value for value in labels.anomaly_ids if value not in held]
    if not held or not unheld or len(unheld) == len(labels.anomaly_ids):
        return ""
    return (
        f"no label holds the anomaly id {listed(unheld)}; the labels hold the values "
        f"{listed(sorted(held))}"
    )


def listed(values: Sequence[int]) -> str:
    """For people: the first of them, and how many more there are."""
    more = len(values) - _MOST_LISTED
    return (", ".join(map(str, values[:_MOST_LISTED])) or "none") + (
        f" and {more} more" if more > 0 else ""
    )
