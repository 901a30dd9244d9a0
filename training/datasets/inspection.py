# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is really in a data set: sizes, and how many pixels each label has."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from training.datasets.interface import evenly_spread
from training.datasets.readers.label_map import IGNORE
from training.datasets.registry import Dataset
from training.errors import UsageError


@dataclass
class Inspection:
    """What was found.

    Attributes:
        frames: in the set.
        read: of these, how many were read.
        sizes: (height, width), pixels, to number of frames read.
        pixels: label to number of pixels in the frames read.
    """

    frames: int
    read: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    pixels: Counter[int] = field(default_factory=Counter)

    def share(self, label: int) -> float:
        """Return which part of all pixels read has a label, 0..1."""
        return self.pixels[label] / max(1, self.pixels.total())


def inspect(dataset: Dataset, most: int | None) -> Inspection:
    """Read frames and labels, evenly spread over the set.

    Args:
        dataset: an open one.
        most: read at most so many frames, at least 1; None reads all.

    Raises:
        UsageError: a frame cannot be read, or a label is no class of the set.
    """
    frames = len(dataset.source)
    meant = range(2 if dataset.classes is None else len(dataset.classes.classes))
    found = Inspection(frames)
    numbers = evenly_spread(frames, most)
    for index in tqdm(numbers, dataset.name, unit="frame", leave=False):
        image, label = dataset.source[index]
        labels, counts = np.unique(label, return_counts=True)
        strange = [value for value in labels.tolist() if value not in meant and value != IGNORE]
        if strange:
            raise UsageError(
                f"{dataset.spelling}, {dataset.source.frame_name(index)} has the label "
                f"{strange[0]}; expected 0 to {meant[-1]}, or {IGNORE}"
            )
        found.read += 1
        found.sizes[image.shape[0], image.shape[1]] += 1
        found.pixels.update(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
    return found
