# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is configured for others: RViz, Foxglove and Fast DDS."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cosme_ros import topics
from cosme_ros.launching.detector_launch import RVIZ_IMAGE, RVIZ_OUTPUTS
from cosme_ros.streaming.diagnostics import Configured, report
from cosme_ros.streaming.frame_statistics import FrameStatistics, Processed
from cosme_ros.streaming.score_drift import DriftReference, ScoreSpread

REPOSITORY = Path(__file__).parents[2]


def test_rviz_shows_the_topics_of_the_node():
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    displays = config["Visualization Manager"]["Displays"]
    assert {display["Topic"]["Value"] for display in displays} == {
        RVIZ_IMAGE,
        *map(topics.resolve, RVIZ_OUTPUTS),
    }
    assert len({display["Name"] for display in displays}) == len(displays)


def test_rviz_has_a_place_for_every_picture() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    state = bytes.fromhex(config["Window Geometry"]["QMainWindow State"])
    for display in config["Visualization Manager"]["Displays"]:
        if display["Class"] in ("rviz_default_plugins/Image", "rviz_default_plugins/Camera"):
            name = display["Name"].encode("utf-16-be")  # as Qt writes a QString, after its length
            assert len(name).to_bytes(4, "big") + name in state


def test_rviz_shows_the_alarm_line_in_the_middle_of_its_grey() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    (score,) = [
        display
        for display in config["Visualization Manager"]["Displays"]
        if display["Topic"]["Value"] == topics.resolve(topics.OUTPUT_SCORE)
    ]
    assert (score["Min Value"], score["Max Value"], score["Normalize Range"]) == (0, 2, False)


def test_rviz_shows_the_markers_over_the_camera() -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((REPOSITORY / "config" / "cosme.rviz").read_text())
    by_class = {d["Class"]: d for d in config["Visualization Manager"]["Displays"]}
    markers = by_class["rviz_default_plugins/MarkerArray"]
    assert markers["Topic"]["Value"] == topics.resolve(topics.OUTPUT_MARKERS)
    assert by_class["rviz_default_plugins/Camera"]["Visibility"][markers["Name"]]


def test_foxglove_shows_the_topics_of_the_node_and_every_panel_it_configures() -> None:
    layout = json.loads((REPOSITORY / "config" / "cosme_foxglove.json").read_text())
    panels = layout["configById"]
    assert sorted(panels) == sorted(leaves(layout["layout"]))
    images = [panel["imageMode"] for panel in panels.values() if "imageMode" in panel]
    markers = {topic for panel in panels.values() for topic in panel.get("topics", {})}
    assert {mode["imageTopic"] for mode in images} | markers == {
        RVIZ_IMAGE,
        *map(topics.resolve, RVIZ_OUTPUTS),
    }
    (score,) = [m for m in images if m["imageTopic"] == topics.resolve(topics.OUTPUT_SCORE)]
    assert (score["minValue"], score["maxValue"]) == (0, 2)


def leaves(layout) -> list[str]:
    if isinstance(layout, str):
        return [layout]
    return [*leaves(layout["first"]), *leaves(layout["second"])]


def test_foxglove_plots_values_that_the_diagnostics_have() -> None:
    layout = json.loads((REPOSITORY / "config" / "cosme_foxglove.json").read_text())
    statistics = FrameStatistics()
    statistics.receive()
    statistics.begin()
    statistics.process(
        Processed(0.01, 0.02, 0.03, ScoreSpread(0.01, 0.2, 0.0), mask_withheld=False)
    )
    told = report(
        state="active",
        refusal=None,
        configured=Configured(
            "b", "cpu", 0.001, 1.0, DriftReference(0.01, 0.1, 0.2, 0.02), 2.0, 5.0
        ),
        snapshot=statistics.snapshot(),
        missing_input_reason=None,
    ).values
    status = f"{topics.resolve(topics.DETECTOR_NODE)}: detection"
    plotted = [
        path["value"] for panel in layout["configById"].values() for path in panel.get("paths", ())
    ]
    assert plotted
    for path in plotted:
        found = re.fullmatch(
            r'/diagnostics\.status\[:\]\{name=="(.+)"\}\.values\[:\]\{key=="(.+)"\}\.value', path
        )
        assert found, path
        assert found[1] == status
        assert found[2] in told


def test_dds_profile_is_the_default_and_has_room_for_large_images():
    root = ElementTree.parse(REPOSITORY / "config" / "fastdds_large_images.xml").getroot()
    space = {"dds": root.tag.split("}")[0].strip("{")}
    participant = root.find("dds:participant", space)
    assert participant.get("is_default_profile") == "true"
    image_4k = 3840 * 2160 * 3
    assert int(root.findtext(".//dds:segment_size", namespaces=space)) > 2 * image_4k
    assert int(root.findtext(".//dds:maxMessageSize", namespaces=space)) > image_4k
    pieces = int(root.findtext(".//dds:port_queue_capacity", namespaces=space))
    assert pieces * 65_500 > 10 * image_4k
    defined = {e.text for e in root.findall("dds:transport_descriptors//dds:transport_id", space)}
    used = {e.text for e in participant.findall(".//dds:transport_id", space)}
    assert used == defined
