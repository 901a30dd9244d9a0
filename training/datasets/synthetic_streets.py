# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The synthetic streets as a data set: numbered frames out of many short drives."""

from operator import itemgetter
from typing import Any

import numpy as np

from training.datasets.mapped_frames import MappedFrames
from training.datasets.readers.class_list import ClassList, SegmentationClass
from training.datasets.readers.label_map import LabelMap
from training.errors import UsageError
from training.street_renderer.drive import CLASSES, StreetDrive

SYNTHETIC = "synthetic"
SYNTHETIC_FRAMES = 400
HEIGHT = 360
WIDTH = 640
FRAMES_PER_DRIVE = 4
"""Few, so that frames differ; more than one, because a new street costs as much as two frames."""

SECONDS_BETWEEN_FRAMES = 7.0
"""Far enough on that little of one frame is in the next."""

SYNTHETIC_CLASSES = ClassList(
    tuple(SegmentationClass(c.name, c.colour, c.drivable) for c in CLASSES),
    LabelMap({i: i for i in range(len(CLASSES))}),
)


class SyntheticStreets:
    """Labelled frames of the synthetic streets, made when asked for.

    Frame `index` depends on the arguments and `index` alone.

    Args:
        seed: which streets.
        count: number of frames.
        height: of the frames, pixels.
        width: of the frames, pixels.
        anomalies: put things on the roads that occur nowhere else, and label them, 1 on 0,
            instead of the classes.
    """

    worth_keeping = True

    def __init__(
        self,
        seed: int,
        count: int,
        height: int = HEIGHT,
        width: int = WIDTH,
        *,
        anomalies: bool = False,
    ) -> None:
        self._seed = seed
        self._count = count
        self._size = (height, width)
        self._anomalies = anomalies
        self._drive: tuple[int, StreetDrive] | None = None

    @property
    def images(self) -> MappedFrames:
        """Return the same frames without their labels."""
        return MappedFrames(self, itemgetter(0))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [H, W, 3] BGR, and its labels, uint8 [H, W], 255 = ignore."""
        number, place = self._place(index)
        if self._drive is None or self._drive[0] != number:
            drive = StreetDrive(self._street_seed(number), *self._size, anomalies=self._anomalies)
            self._drive = (number, drive)
        frame = self._drive[1].frame(place * SECONDS_BETWEEN_FRAMES)
        return frame.image, frame.anomaly if self._anomalies else frame.class_id

    def frame_name(self, index: int) -> str:
        """Return what to call a frame in a report."""
        number, place = self._place(index)
        return f"street_{self._seed}_{number}_{place}"

    def __getstate__(self) -> dict[str, Any]:
        # A drive is quickly made again and dear to send to a worker.
        return {**self.__dict__, "_drive": None}

    def _place(self, index: int) -> tuple[int, int]:
        return divmod(range(self._count)[index], FRAMES_PER_DRIVE)

    def _street_seed(self, number: int) -> int:
        # A hash, so that two seeds share no street as seed + number would.
        return int(np.random.SeedSequence((self._seed, number)).generate_state(1)[0])


def parse_synthetic(
    text: str, count: int = SYNTHETIC_FRAMES, name: str = SYNTHETIC
) -> tuple[int, int]:
    """Read `NAME[:SEED[:COUNT]]`; without them seed 0 and `count` frames.

    Raises:
        UsageError: not of that form.
    """
    found, *numbers = text.split(":")
    if found != name or len(numbers) > 2 or not all(n.isdecimal() for n in numbers):
        raise UsageError(f"{text!r} is not {name}:SEED or {name}:SEED:COUNT")
    seed = int(numbers[0]) if numbers else 0
    count = int(numbers[1]) if len(numbers) == 2 else count
    if count < 1:
        raise UsageError(f"{text!r} asks for no frame; COUNT is at least 1")
    return seed, count
