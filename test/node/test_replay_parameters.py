# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parameters that a replay gives to its nodes."""

from pathlib import Path

from helpers.small_bag import write_small_bag

from cosme_ros import topics
from cosme_ros.__main__ import NODES
from cosme_ros.parameters import PARAMETERS_BY_NAME, PLAYER_PARAMETERS, RECORDER_PARAMETERS
from cosme_ros.replay.runner import Replay


def test_nodes_are_given_parameters_of_the_types_they_declare(tmp_path: Path) -> None:
    """launch_ros takes the type from the value; the nodes refuse another."""
    replay = Replay(
        bundle=tmp_path,
        bag=write_small_bag(tmp_path / "bag", frames=2),
        image_topic=topics.CAMERA_IMAGE,
        label_topic=topics.CAMERA_LABELS,
        provider="cpu",
        false_positive_rate=0.01,
        threads=1,
        rate=1,
        seconds_a_frame=1.0,
    )
    for call, rows in (
        (replay.recorder(tmp_path), RECORDER_PARAMETERS),
        (replay.player(), PLAYER_PARAMETERS),
    ):
        assert call.executable in NODES
        by_name = {row.name: row for row in rows}
        for name, value in call.parameters.items():
            by_name[name].check(value)
    for name, value in replay.detector().parameters.items():
        assert type(value) is type(PARAMETERS_BY_NAME[name].default), name
