# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From the numbers in a label picture to class ids."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.datasets.readers.pictures import read_ids
from training.errors import UsageError

IGNORE = 255
"""Label of pixels that nobody judges; in every label picture unless a map says otherwise."""


class LabelMap:
    """Maps label values to class ids, and refuses values it does not know.

    Args:
        ids: label value to class id, both 0..255; a class id of 255 means ignored. The label
            value 255 is ignored unless it is given.
    """

    def __init__(self, ids: Mapping[int, int]) -> None:
        for number in (*ids.keys(), *ids.values()):
            if not 0 <= number <= 255:
                raise UsageError(f"label map holds {number}; label values and ids are 0 to 255")
        self.ids = {IGNORE: IGNORE, **ids}
        self._table = np.full(256, IGNORE, np.uint8)
        self._known = np.zeros(256, bool)
        for label, class_id in self.ids.items():
            self._table[label] = class_id
            self._known[label] = True

    def __call__(self, label: np.ndarray, path: Path | str) -> np.ndarray:
        """Translate one picture.

        Args:
            label: uint8 or uint16 [H, W], values as in the file.
            path: where it comes from, for the error's sake.

        Returns:
            uint8 [H, W], class ids, 255 = ignore.

        Raises:
            UsageError: the picture holds a value that the map does not.
        """
        present = np.flatnonzero(np.bincount(label.reshape(-1), minlength=256))
        known = self._known[np.minimum(present, 255)] & (present < 256)
        unknown = present[~known]
        if len(unknown):
            raise UsageError(
                f"{path} holds the label value {', '.join(map(str, unknown[:5]))}; "
                f"known are {', '.join(map(str, sorted(self.ids)))}"
            )
        ids: np.ndarray = self._table[label]
        return ids

    def read(self, path: Path) -> np.ndarray:
        """Read a label picture as class ids, uint8 [H, W], 255 = ignore.

        Raises:
            UsageError: not a PNG of one channel of 8 or 16 bits, or a value that the map lacks.
        """
        return self(read_ids(path), path)


IDENTITY = LabelMap({number: number for number in range(256)})
"""Every value is its own id."""


def parse_label_map(text: str) -> LabelMap:
    """Read `0:0,2:1`: label value 0 becomes id 0, value 2 becomes 1, 255 stays ignored.

    Raises:
        UsageError: not pairs of numbers, or a label value twice.
    """
    ids: dict[int, int] = {}
    for pair in text.split(","):
        label, colon, class_id = pair.strip().partition(":")
        if not (colon and label.isdecimal() and class_id.isdecimal()):
            raise UsageError(f"label map {text!r}: {pair!r} is no VALUE:ID, for example 2:1")
        if int(label) in ids:
            raise UsageError(f"label map {text!r} gives the value {label} twice")
        ids[int(label)] = int(class_id)
    return LabelMap(ids)
