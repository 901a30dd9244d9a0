# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The video of a drive: each frame as a panel, under the caption of its scene."""

from contextlib import AbstractContextManager
from pathlib import Path

from cosme_ros.bags.scenes import SCENE_CAPTION_S, Scene
from cosme_ros.messages.images import BgrImage
from cosme_ros.visualization.panels import VIDEO_WIDTH, FrameView, panel
from cosme_ros.visualization.video import VideoFile

_SLOWEST, _FASTEST = 1.0, 60.0  # frames a second that players can be asked for


class DriveVideo(AbstractContextManager["DriveVideo"]):
    """A context manager; the file is complete when it is left, however that comes.

    Args:
        path: an .mp4 or .webm file.
        frames_a_second: at which it is to be played; None: as the first two frames follow.
    """

    def __init__(self, path: Path, frames_a_second: float | None = None) -> None:
        self._path = path
        self._rate = frames_a_second
        self._video: VideoFile | None = None
        self._first: tuple[int, BgrImage] | None = None
        self._scene: Scene | None = None
        self._scene_began = 0

    def __exit__(self, *_: object) -> None:
        if self._first is not None and self._video is None:  # a single frame
            self._open(1.0).add(self._first[1])
        if self._video is not None:
            self._video.__exit__()

    def add(self, view: FrameView, stamp: int, scene: Scene | None, note: str) -> None:
        """Append a frame.

        Args:
            view: what is shown of it.
            stamp: nanoseconds.
            scene: that the frame belongs to, if any.
            note: in the upper right corner.
        """
        if scene != self._scene:
            self._scene, self._scene_began = scene, stamp
        since_cut = (stamp - self._scene_began) * 1e-9
        picture = panel(
            view,
            caption="" if scene is None else scene.caption,
            note=note,
            new_scene=scene is not None and 0 <= since_cut < SCENE_CAPTION_S,
            width=VIDEO_WIDTH,
        )
        if self._video is None:
            if self._rate is not None:
                self._open(self._rate)
            elif self._first is None:  # how fast to play is known when the second is there
                self._first = (stamp, picture)
                return
            else:
                seconds = (stamp - self._first[0]) * 1e-9
                rate = 1 / seconds if seconds > 0 else 10.0
                self._open(min(max(rate, _SLOWEST), _FASTEST)).add(self._first[1])
        assert self._video is not None
        self._video.add(picture)

    def _open(self, frames_a_second: float) -> VideoFile:
        self._video = VideoFile(self._path, frames_a_second)
        return self._video
