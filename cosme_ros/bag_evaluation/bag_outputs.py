# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a run writes besides the report: a bag of the detector's outputs, and a video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from cosme_ros import names
from cosme_ros.bag_evaluation.frames import BagFrame, at_size
from cosme_ros.bag_reading import IMAGE, TYPES
from cosme_ros.image_codec import BgrImage
from cosme_ros.obstacles import Obstacle
from cosme_ros.overlay import draw_overlay
from cosme_ros.recording import Output
from cosme_ros.report_pictures import open_video, panels, resized

SCORE, MASK, OVERLAY = (
    names.resolve(name) for name in (names.OUTPUT_SCORE, names.OUTPUT_MASK, names.OUTPUT_OVERLAY)
)
_BAG_VERSION: Literal[8] = 8  # the newest that Jazzy reads
_VIDEO_WIDTH = 960
_SLOWEST, _FASTEST = 1.0, 60.0  # frames a second that players can be asked for


@dataclass(frozen=True)
class OutputSettings:
    """None: not wanted."""

    bag: Path | None = None
    """Folder of a rosbag2 (MCAP, its chunks compressed by zstd); must not exist."""
    video: Path | None = None
    """An .mp4 or .webm file."""


class BagOutputs:
    """A context manager; what was written is complete when it is left, however that comes."""

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings
        self._writer: Writer | None = None
        self._connections: dict[str, Any] = {}
        self._video: cv2.VideoWriter | None = None
        self._video_size = (0, 0)
        self._first: tuple[int, BgrImage] | None = None

    def __enter__(self) -> "BagOutputs":
        if self._settings.bag is not None:
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
            self._open(self._first[1], 1.0).write(self._first[1])
        if self._video is not None:
            self._video.release()

    def write(
        self,
        frame: BagFrame,
        score: NDArray[np.float32],
        mask: NDArray[np.uint8] | None,
        obstacles: tuple[Obstacle, ...],
    ) -> None:
        """One frame, under the header and the time that its picture has in the bag."""
        if self._writer is not None:
            self._write_message(SCORE, frame, score, "32FC1")
            if mask is not None:
                self._write_message(MASK, frame, mask, "mono8")
            overlay = draw_overlay(frame.image, score, obstacles, mask)
            self._write_message(OVERLAY, frame, overlay, "bgr8")
        if self._settings.video is not None:
            self._append_to_video(frame, score, mask)

    def _write_message(
        self, topic: str, frame: BagFrame, array: NDArray[Any], encoding: str
    ) -> None:
        assert self._writer is not None
        message = TYPES.types[IMAGE](
            header=frame.header,
            height=array.shape[0],
            width=array.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=array[0].nbytes,
            data=np.ascontiguousarray(array).reshape(-1).view(np.uint8),
        )
        self._writer.write(
            self._connections[topic], frame.bag_time, TYPES.serialize_cdr(message, IMAGE)
        )

    def _append_to_video(
        self, frame: BagFrame, score: NDArray[np.float32], mask: NDArray[np.uint8] | None
    ) -> None:
        label = None if frame.label is None else at_size(frame.label, *score.shape)
        output = Output(frame.stamp, frame.image, label, score, mask, None, latency=0.0)
        four = panels(output, frame.index)
        picture = resized(np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]), _VIDEO_WIDTH)
        if self._first is None:  # how fast to play is known when the second is there
            self._first = (frame.stamp, picture)
            return
        if self._video is None:
            seconds = (frame.stamp - self._first[0]) * 1e-9
            rate = 1 / seconds if seconds > 0 else 10.0
            self._open(self._first[1], min(max(rate, _SLOWEST), _FASTEST)).write(self._first[1])
        assert self._video is not None
        if (picture.shape[1], picture.shape[0]) != self._video_size:
            picture = cv2.resize(picture, self._video_size).astype(np.uint8, copy=False)
        self._video.write(picture)

    def _open(self, picture: BgrImage, frames_a_second: float) -> cv2.VideoWriter:
        assert self._settings.video is not None
        self._video_size = (picture.shape[1], picture.shape[0])
        self._settings.video.parent.mkdir(parents=True, exist_ok=True)
        self._video = open_video(self._settings.video, frames_a_second, self._video_size)
        return self._video
