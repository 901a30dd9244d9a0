# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.evaluation.settings import listed, taken_for, unheld_ids, without_anomalies

LABELS = LabelSettings(anomaly_ids=(7, 300), ignored_ids=(255,))


def test_every_value_is_taken_for_something() -> None:
    taken = taken_for(LABELS, [0, 3, 7, 255])
    assert taken == {"normal": [0, 3], "anomaly": [7], "ignored": [255]}


def test_only_labels_without_any_anomaly_are_a_reason() -> None:
    assert without_anomalies(LABELS, [0, 300]) == ""
    assert without_anomalies(LABELS, []) == ""
    assert "(anomaly ids: 7, 300); the labels hold the values 0, 1." in without_anomalies(
        LABELS, [0, 1]
    )


def test_an_id_that_no_bag_holds_is_named_where_others_are_held() -> None:
    assert unheld_ids(LABELS, {0, 300}) == (
        "no label holds the anomaly id 7; the labels hold the values 0, 300"
    )
    for said_elsewhere in ({0, 7, 300}, {0, 1}, set()):
        assert unheld_ids(LABELS, said_elsewhere) == ""


def test_long_lists_are_cut() -> None:
    assert listed(range(20)).endswith("18, 19")
    assert listed(range(23)).endswith("19 and 3 more")
    assert listed(()) == "none"
