from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from small_bag import TYPES, compressed_message, picture, write_small_bag

from cosme_ros.bag_reading import COMPRESSED_IMAGE
from cosme_ros.bag_scenes import STRING, Scene, scene_at, scenes_of, scenes_of_frames
from cosme_ros.bag_topics import CAMERA_IMAGE, CAMERA_SCENE

STEP = 100_000_000


def write(folder: Path, titles: dict[int, str], frames: int = 4) -> Path:
    """A bag of so many pictures, in which scenes begin at some of them."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        scenes = writer.add_connection(CAMERA_SCENE, STRING, typestore=TYPES)
        for index in range(frames):
            stamp = 1_000_000_000 + index * STEP
            if index in titles:
                title = TYPES.types[STRING](data=titles[index])
                writer.write(scenes, stamp, TYPES.serialize_cdr(title, STRING))
            message = compressed_message(stamp, picture(0, 24, 32))
            writer.write(images, stamp, TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    return folder


def test_each_picture_belongs_to_the_scene_that_began_last(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", {1: "rain", 3: "fog"})
    rain, fog = scenes_of(bag)
    assert rain == Scene(1, 2, "rain", 1_000_000_000 + STEP)
    assert fog.caption == "scene 2 of 2: fog"
    assert scenes_of_frames(bag, CAMERA_IMAGE) == (None, rain, rain, fog)
    assert scene_at((rain, fog), fog.begins - 1) == rain
    assert scene_at((rain, fog), rain.begins - 1) is None


def test_a_bag_without_scenes_has_none(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    assert scenes_of(bag) == scenes_of_frames(bag, CAMERA_IMAGE) == ()
    assert scenes_of(tmp_path / "nowhere") == ()


def test_a_topic_of_that_name_and_another_type_is_no_scene(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag", {0: "rain"})
    assert scenes_of(bag, CAMERA_IMAGE) == ()
    assert np.all([scene.title == "rain" for scene in scenes_of(bag)])
