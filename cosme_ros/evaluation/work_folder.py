# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A folder by which processes, on this machine or others, tell each other of their work."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WorkFolder:
    """Lies in the report's folder while bags are evaluated; every worker sees it by this path."""

    path: Path

    def make(self) -> None:
        """Empty, whatever an earlier run left."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def ask_to_stop(self) -> None:
        """Every worker ends after the frame it is at, and hands over what it has."""
        self._stop.touch()

    def is_to_stop(self) -> bool:
        return self._stop.exists()

    def open_progress(self, bag: int) -> BinaryIO:
        """To which one byte is written for each frame of the bag of that number."""
        return (self.path / f"{bag}.frames").open("wb", buffering=0)

    def expect(self, bag: int, frames: int) -> None:
        """The bag of that number says that it has so many."""
        (self.path / f"{bag}.expected").write_text(str(frames), encoding="utf-8")

    def frames_expected(self) -> int:
        """Of all bags that are open or done."""
        counts = (file.read_text(encoding="utf-8") for file in self.path.glob("*.expected"))
        return sum(int(count) for count in counts if count)

    def frames_done(self) -> int:
        """By all workers."""
        return sum(file.stat().st_size for file in self.path.glob("*.frames"))

    def open_scores(self, bag: int) -> BinaryIO:
        """For `write_labelled`."""
        return self._scores(bag).open("wb")

    def labelled(self, bag: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
        """What `write_labelled` wrote: raw score grid float32 [h, w] and label uint8 [H, W]."""
        with self._scores(bag).open("rb") as file:
            end = file.seek(0, 2)
            file.seek(0)
            while file.tell() < end:
                grid = np.load(file, allow_pickle=False)
                png = np.load(file, allow_pickle=False)
                yield grid, np.asarray(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), np.uint8)

    def _scores(self, bag: int) -> Path:
        return self.path / f"{bag}.scores"

    @property
    def _stop(self) -> Path:
        return self.path / "stop"


def write_labelled(file: BinaryIO, grid: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
    """The label as PNG: a thousandth of its size."""
    np.save(file, grid, allow_pickle=False)
    _, png = cv2.imencode(".png", label)
    np.save(file, png.reshape(-1), allow_pickle=False)
