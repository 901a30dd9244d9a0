# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a replay is to do, before any process is started."""

from pathlib import Path

import pytest
from helpers.small_bag import write_small_bag

from cosme_ros.bags.reading import BagError
from cosme_ros.output_folder import prepare_output_dir
from cosme_ros.replay.runner import CONTENTS, Replay, ReplayError
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_small_bag(tmp_path_factory.mktemp("bags") / "bag", frames=3)


def replay(bag: Path, **changes) -> Replay:
    settings = {
        "bundle": Path("/bundles/mine"),
        "bag": bag,
        "image_topic": CAMERA_IMAGE,
        "label_topic": CAMERA_LABELS,
        "provider": "cpu",
        "false_positive_rate": 0.01,
        "threads": 1,
        "rate": 2.0,
        "seconds_a_frame": 1.5,
        **changes,
    }
    return Replay(**settings)


def test_what_was_played_is_known_afterwards(bag: Path, tmp_path: Path) -> None:
    played = replay(bag.resolve(), overlay=False)
    played.write(tmp_path / "out")
    assert Replay.read(tmp_path / "out") == played


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"bundle": 3, "bag": "b"}'])
def test_a_folder_that_is_no_replays_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "replay.json").write_text(content, encoding="utf-8")
    with pytest.raises(ReplayError, match=f"{tmp_path} is not the folder of a replay"):
        Replay.read(tmp_path)


def test_silence_outlasts_the_detector(bag: Path) -> None:
    assert replay(bag).silence == 6.0
    assert replay(bag, seconds_a_frame=0.01).silence == 3.0


def test_the_transport_is_the_bags(bag: Path) -> None:
    assert replay(bag).image_transport() == "compressed"
    assert replay(bag, image_topic=CAMERA_LABELS, label_topic="").image_transport() == "raw"
    with pytest.raises(BagError, match="no topic '/truth'"):
        replay(bag, label_topic="/truth").image_transport()


def test_all_that_a_replay_writes_can_be_replaced(bag: Path, tmp_path: Path) -> None:
    replay(bag).write(tmp_path)
    prepare_output_dir(tmp_path, CONTENTS, overwrite=True)
    assert list(tmp_path.iterdir()) == []
