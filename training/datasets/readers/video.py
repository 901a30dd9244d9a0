# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a video file, each by its number."""

from pathlib import Path
from typing import Any

import numpy as np

from cosme_ros.messages.video_frames import image_of_video_frame
from training.errors import UsageError

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".ts")


class VideoFrames:
    """The frames of the first video stream of a file.

    Reading them in order decodes each once; a jump goes back to the key frame before.

    Raises:
        UsageError: no video, or damaged before its first frame.
    """

    worth_keeping = True

    def __init__(self, path: Path) -> None:
        import av

        self._path = path
        try:
            self._container: Any = av.open(str(path))
            self._stream = self._container.streams.video[0]
            self._times: list[int] = sorted(
                packet.pts
                for packet in self._container.demux(self._stream)
                if packet.pts is not None
            )
        except (OSError, ValueError, IndexError) as error:
            raise UsageError(f"{path} cannot be read as a video: {error}") from error
        if not self._times:
            raise UsageError(f"{path} holds no frame")
        self._numbers = {pts: number for number, pts in enumerate(self._times)}
        self._decoded: Any = iter(())
        self._next = len(self._times)  # so that the first read seeks

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one frame, uint8 [H, W, 3], BGR.

        Raises:
            UsageError: it cannot be decoded.
        """
        wanted = range(len(self))[index]
        try:
            if not self._next <= wanted < self._next + 30:
                self._container.seek(self._times[wanted], stream=self._stream, backward=True)
                self._decoded = self._container.decode(self._stream)
            for frame in self._decoded:
                number = self._numbers.get(frame.pts, -1)
                self._next = number + 1
                if number >= wanted:
                    return image_of_video_frame(frame)
        except (OSError, ValueError) as error:
            raise UsageError(f"frame {wanted} of {self._path}: {error}") from error
        raise UsageError(f"frame {wanted} of {self._path} cannot be decoded; is it complete?")
