# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The table of output topics."""

from dataclasses import asdict

import pytest

from cosme_ros import topics
from cosme_ros.node.outputs import OUTPUTS, requested_outputs


def test_every_output_topic_has_a_row_and_one_only():
    named = {value for name, value in vars(topics).items() if name.startswith("OUTPUT_")}
    rows = [output.topic for output in OUTPUTS]
    assert len(rows) == len(set(rows))
    optional = {topics.OUTPUT_DETECTIONS, topics.OUTPUT_DETECTIONS_3D}
    assert named - set(rows) <= optional, "only where vision_msgs is installed"
    assert set(rows) <= named


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.topic)
def test_of_one_output_no_more_is_made_than_it_needs(output):
    requested = asdict(requested_outputs([output]))
    assert {name for name, is_needed in requested.items() if is_needed} == {output.request}


def test_nobody_listens_to_nothing():
    assert not any(asdict(requested_outputs([])).values())
    assert all(asdict(requested_outputs(OUTPUTS)).values())
