# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Real frames with painted things on the road, for choosing settings by.

In the manner of Fishyscapes Static (Blum et al., IJCV 2021): pictures of normal driving, into
which things are blended that do not belong there. What is chosen by these, the test pictures
of a report have not been used for.
"""

from operator import itemgetter

import numpy as np

from training.datasets.interface import NamedSource
from training.datasets.mapped_frames import MappedFrames
from training.datasets.painting import choose_places, drawn_thing, paint, to_bytes
from training.datasets.readers.class_list import SegmentationClass
from training.datasets.readers.label_map import IGNORE


class CompositedAnomalies:
    """Labelled driving frames with one to three anomalies each.

    Frame `index` depends on (seed, index) and the source alone.

    Args:
        source: frames with class ids.
        classes: what the ids mean; anomalies stand on drivable ones.
        seed: which anomalies, and where.
    """

    def __init__(
        self, source: NamedSource, classes: tuple[SegmentationClass, ...], seed: int
    ) -> None:
        self._source = source
        self._drivable = [number for number, c in enumerate(classes) if c.drivable]
        self._seed = seed

    @property
    def images(self) -> MappedFrames:
        """Return the same frames, painted things included, without labels."""
        return MappedFrames(self, itemgetter(0))

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [H, W, 3] BGR, and uint8 [H, W]: 0 normal, 1 anomaly, 255 ignored.

        Where nobody labelled the source, nothing is judged.
        """
        image, class_id = self._source[index]
        rng = np.random.default_rng((self._seed, index))
        label = np.where(class_id == IGNORE, IGNORE, 0).astype(np.uint8)
        road = np.isin(class_id, self._drivable)
        if not road.any():
            return image, label
        picture = image.astype(np.float32)
        for place in choose_places(road, rng):
            paint(picture, label, place, drawn_thing(place.scale, rng), rng)
        return to_bytes(picture), label
