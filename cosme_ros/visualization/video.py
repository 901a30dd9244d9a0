# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Videos that every browser plays."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


class VideoFile(AbstractContextManager["VideoFile"]):
    """A video of pictures of one size; later ones of another size are brought to it.

    A context manager; the file is complete when it is left. It is made with the first picture.

    Args:
        path: .webm or .mp4.
        frames_a_second: at which it is to be played.
    """

    def __init__(self, path: Path, frames_a_second: float) -> None:
        self._path = path
        self._rate = frames_a_second
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.release()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture, uint8 [h, w, 3] BGR with even sides. Raises OSError."""
        if self._writer is None:
            self._size = (picture.shape[1], picture.shape[0])
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = open_video(self._path, self._rate, self._size)
        elif self._size != (picture.shape[1], picture.shape[0]):
            picture = cv2.resize(picture, self._size).astype(picture.dtype, copy=False)
        self._writer.write(picture)


def open_video(path: Path, frames_a_second: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """Open a video file: VP8 in a .webm, VP9 in an .mp4.

    Every browser plays them, and OpenCV's wheels have their encoders, which they do not have for
    H.264.

    Args:
        path: of the file.
        frames_a_second: at which it is to be played.
        size: width and height in pixels.

    Raises:
        OSError: it cannot be written.
    """
    codec = {".webm": "VP80", ".mp4": "vp09"}[path.suffix]
    # OpenCV warns on standard error that WebM has no tag for it, and then continues rightly.
    with _silent_standard_error():
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), frames_a_second, size)
    if not video.isOpened():
        raise OSError(f"{path} cannot be written: this OpenCV has no encoder for {codec}")
    return video


@contextmanager
def _silent_standard_error() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
