# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A folder of images, in the natural order of their names."""

import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

from cosme_ros.messages.images import DecodeError, decode_compressed
from cosme_ros.natural_order import natural_order
from cosme_ros.sources.interface import SourceError, SourceFrame

SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
"""Of the files that are read, and what CompressedImage calls their format."""

# Nanoseconds. A shorter number, or one that begins with 0 as KITTI's 0000000012, counts frames.
_STAMP = re.compile(r"[1-9][0-9]{8,18}")
_LATEST = (1 << 31) * 1_000_000_000 - 1  # nanoseconds that builtin_interfaces/Time can hold


class FolderSource(AbstractContextManager["FolderSource"]):
    """The images directly in a folder.

    A file that is named by a stamp in nanoseconds has this stamp; all others are `frame_rate`
    apart.

    Args:
        folder: holds JPEG or PNG files.
        frame_rate: in frames a second.
        report: takes a sentence for each image that is left out.

    Raises:
        SourceError: there is no image in it.
    """

    live = False

    def __init__(self, folder: Path, *, frame_rate: float, report: Callable[[str], object]) -> None:
        self.name = folder.name
        self._report = report
        self._frame_rate = frame_rate
        self._files = sorted(
            (f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES),
            key=lambda file: natural_order(file.name),
        )
        if not self._files:
            raise SourceError(
                f"folder {folder} has no {' or '.join(SUFFIXES)} file and no metadata.yaml; a "
                "folder of images, a rosbag2 bag, a video file or a camera is right"
            )
        self.count: int | None = len(self._files)

    def __exit__(self, *_: object) -> None:
        pass

    def read(self) -> Generator[SourceFrame, None, None]:
        """Yield the images that can be decoded."""
        stamped = all(
            _STAMP.fullmatch(file.stem) and int(file.stem) <= _LATEST for file in self._files
        )
        for index, file in enumerate(self._files):
            stamp = int(file.stem) if stamped else round(index / self._frame_rate * 1e9)
            try:
                content = SimpleNamespace(
                    format=SUFFIXES[file.suffix.lower()], data=memoryview(file.read_bytes())
                )
                image = decode_compressed(content)
            except (DecodeError, OSError) as error:
                self._report(f"{file} is left out: {error}")
                continue
            yield SourceFrame(index, stamp, image, label_names=(file.stem,))
