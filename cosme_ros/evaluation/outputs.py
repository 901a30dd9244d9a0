# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a run writes besides the report: a bag of the detector's outputs, and a video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from cosme_ros import topics
from cosme_ros.bags.labelled_frames import BagFrame
from cosme_ros.bags.reading import IMAGE, TYPES, image_cdr
from cosme_ros.bags.scenes import SCENE_CAPTION_S, Scene
from cosme_ros.messages.images import BgrImage
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.postprocessing.static_mask import StaticMask, looked_at
from cosme_ros.visualization.overlay import draw_overlay
from cosme_ros.visualization.panels import VIDEO_WIDTH, FrameView, panel
from cosme_ros.visualization.video import VideoFile

SCORE, MASK, OVERLAY = (
    topics.resolve(name)
    for name in (topics.OUTPUT_SCORE, topics.OUTPUT_MASK, topics.OUTPUT_OVERLAY)
)
_BAG_VERSION: Literal[8] = 8  # the newest that Jazzy reads
_SLOWEST, _FASTEST = 1.0, 60.0  # frames a second that players can be asked for


@dataclass(frozen=True)
class OutputSettings:
    """None: not wanted."""

    bag: Path | None = None
    """Folder of a rosbag2 (MCAP, its chunks compressed by zstd); must not exist, or be empty."""
    video: Path | None = None
    """An .mp4 or .webm file."""


class BagOutputs:
    """A context manager; what was written is complete when it is left, however that comes."""

    def __init__(self, settings: OutputSettings, static_mask: StaticMask | None = None) -> None:
        self._settings = settings
        self._static_mask = static_mask
        self._writer: Writer | None = None
        self._connections: dict[str, Any] = {}
        self._video: VideoFile | None = None
        self._first: tuple[int, BgrImage] | None = None
        self._scene: Scene | None = None
        self._scene_began = 0

    def __enter__(self) -> "BagOutputs":
        if self._settings.bag is not None:
            if self._settings.bag.is_dir():
                self._settings.bag.rmdir()  # empty; the writer makes it
            self._writer = Writer(
                self._settings.bag, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP
            )
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
            self._connections = {
                topic: self._writer.add_connection(topic, IMAGE, typestore=TYPES)
                for topic in (SCORE, MASK, OVERLAY)
            }
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._first is not None and self._video is None:  # a single frame
            self._open(1.0).add(self._first[1])
        if self._video is not None:
            self._video.__exit__()

    def write(
        self,
        frame: BagFrame,
        score: NDArray[np.float32],
        mask: NDArray[np.uint8] | None,
        obstacles: tuple[Obstacle, ...],
        scene: Scene | None,
        label: NDArray[np.uint8] | None,
    ) -> None:
        """Write the outputs of one frame, with the header and bag time of its picture.

        Args:
            frame: with its picture, uint8 [H, W, 3] BGR.
            score: float32 [H, W].
            mask: uint8 [H, W]; None where there is none.
            obstacles: of the frame.
            scene: that the frame belongs to, if any.
            label: uint8 [H, W]; None where there is none.
        """
        if self._writer is not None:
            pictures: dict[str, tuple[NDArray[Any], str]] = {SCORE: (score, "32FC1")}
            if mask is not None:
                pictures[MASK] = (mask, "mono8")
            overlay = draw_overlay(
                frame.image, score, obstacles, mask, static_mask=self._static_mask
            )
            pictures[OVERLAY] = (overlay, "bgr8")
            for topic, (picture, encoding) in pictures.items():
                cdr = image_cdr(picture, encoding, frame.header)
                self._writer.write(self._connections[topic], frame.bag_time, cdr)
        if self._settings.video is not None:
            self._append_to_video(frame, score, mask, scene, label)

    def _append_to_video(
        self,
        frame: BagFrame,
        score: NDArray[np.float32],
        mask: NDArray[np.uint8] | None,
        scene: Scene | None,
        label: NDArray[np.uint8] | None,
    ) -> None:
        if scene != self._scene:
            self._scene, self._scene_began = scene, frame.stamp
        since_cut = (frame.stamp - self._scene_began) * 1e-9
        picture = panel(
            FrameView(frame.image, score, mask, label, looked_at(self._static_mask, score)),
            caption="" if scene is None else scene.caption,
            note=f"frame {frame.index}",
            new_scene=scene is not None and 0 <= since_cut < SCENE_CAPTION_S,
            width=VIDEO_WIDTH,
        )
        if self._first is None:  # how fast to play is known when the second is there
            self._first = (frame.stamp, picture)
            return
        if self._video is None:
            seconds = (frame.stamp - self._first[0]) * 1e-9
            rate = 1 / seconds if seconds > 0 else 10.0
            self._open(min(max(rate, _SLOWEST), _FASTEST)).add(self._first[1])
        assert self._video is not None
        self._video.add(picture)

    def _open(self, frames_a_second: float) -> VideoFile:
        assert self._settings.video is not None
        self._video = VideoFile(self._settings.video, frames_a_second)
        return self._video
