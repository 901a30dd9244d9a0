# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads where the scenes of a bag begin, for drives that are made of several recordings.

A scene is a std_msgs/String with its title, at the bag time of its first picture or just before.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosme_ros import topics
from cosme_ros.bags.reading import Bag, BagError

STRING = "std_msgs/msg/String"
SCENE_CAPTION_S = 1.5
"""Seconds for which the caption of a new scene stands out in a video."""


@dataclass(frozen=True)
class Scene:
    """A part of a drive without a cut."""

    number: int
    """Counted from 1."""
    scenes: int
    """How many the drive has."""
    title: str
    begins: int
    """Bag time in nanoseconds."""

    @property
    def caption(self) -> str:
        """Return a caption: which scene of how many, and its title."""
        return f"scene {self.number} of {self.scenes}: {self.title}"


def scenes_of(bag: str | Path, topic: str = topics.CAMERA_SCENE) -> tuple[Scene, ...]:
    """Return the scenes of a bag in their order; none where it has no scenes.

    A bag that is damaged there has none either, because scenes are optional.
    """
    try:
        # The reader of the pictures reports what is damaged.
        with Bag(bag, lambda _: None) as opened:
            if opened.topics.get(topic) != STRING:
                return ()
            found = [(m.bag_time, str(opened.decode(m).data)) for m in opened.messages([topic])]
    except BagError:
        return ()
    return tuple(
        Scene(number, len(found), title, begins)
        for number, (begins, title) in enumerate(sorted(found), start=1)
    )


def scene_at(scenes: Sequence[Scene], bag_time: int) -> Scene | None:
    """Return the scene of a moment, None before the first.

    Args:
        scenes: as `scenes_of` returns them.
        bag_time: nanoseconds.
    """
    place = bisect_right([scene.begins for scene in scenes], bag_time)
    return scenes[place - 1] if place else None


def scenes_of_frames(bag: str | Path, image_topic: str) -> tuple[Scene | None, ...]:
    """Return the scene of each picture of a bag, in order; nothing where there are no scenes.

    Raises:
        BagError: the bag cannot be read.
    """
    scenes = scenes_of(bag)
    if not scenes:
        return ()
    with Bag(bag) as opened:
        return tuple(
            scene_at(scenes, message.bag_time) for message in opened.messages([image_topic])
        )
