# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parameters that a replay gives to its nodes."""

from pathlib import Path

from helpers.small_bag import write_small_bag

from cosme_ros import topics
from cosme_ros.__main__ import MODULES
from cosme_ros.node import listeners_node, player_node, recorder_node
from cosme_ros.parameters import PARAMETERS_BY_NAME
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
    for call, module in (
        (replay.recorder(tmp_path), recorder_node),
        (replay.own_player(), player_node),
        (replay.listeners(), listeners_node),
    ):
        assert MODULES[call.executable] == module.__name__
        for name, value in call.parameters.items():
            assert type(value) is type(module.PARAMETERS[name][0]), name
    for name, value in replay.detector().parameters.items():
        assert type(value) is type(PARAMETERS_BY_NAME[name].default), name
