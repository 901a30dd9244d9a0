# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from helpers.small_bag import stamp_of_frame, write_small_bag

from cosme_ros.bags.scenes import Scene, scene_at, scenes_of, scenes_of_frames
from cosme_ros.topics import CAMERA_IMAGE


def test_each_picture_belongs_to_the_scene_that_began_last(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=4, scenes={1: "rain", 3: "fog"})
    rain, fog = scenes_of(bag)
    assert rain == Scene(1, 2, "rain", stamp_of_frame(1))
    assert fog.caption == "scene 2 of 2: fog"
    assert scenes_of_frames(bag, CAMERA_IMAGE) == (None, rain, rain, fog)
    assert scene_at((rain, fog), fog.begins - 1) == rain
    assert scene_at((rain, fog), rain.begins - 1) is None


def test_a_bag_without_scenes_has_none(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    assert scenes_of(bag) == scenes_of_frames(bag, CAMERA_IMAGE) == ()
    assert scenes_of(tmp_path / "nowhere") == ()


def test_a_topic_of_another_type_is_no_scene(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2, scenes={0: "rain"})
    assert [scene.title for scene in scenes_of(bag)] == ["rain"]
    assert scenes_of(bag, CAMERA_IMAGE) == ()
