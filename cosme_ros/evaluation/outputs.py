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
from cosme_ros.bags.scenes import Scene
from cosme_ros.evaluation.drive_video import DriveVideo
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.postprocessing.static_mask import StaticMask, looked_at
from cosme_ros.visualization.overlay import draw_overlay
from cosme_ros.visualization.panels import FrameView

SCORE, MASK, OVERLAY = (
    topics.resolve(name)
    for name in (topics.OUTPUT_SCORE, topics.OUTPUT_MASK, topics.OUTPUT_OVERLAY)
)
_BAG_VERSION: Literal[8] = 8  # the newest that Jazzy reads


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
        self._video = None if settings.video is None else DriveVideo(settings.video)

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
        if self._video is not None:
            visible = looked_at(self._static_mask, score)
            view = FrameView(frame.image, score, mask, label, visible)
            self._video.add(view, frame.stamp, scene, f"frame {frame.index}")
