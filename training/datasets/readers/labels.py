# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Label pictures on disk, read as class ids."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.datasets.readers.label_map import IGNORE, LabelMap
from training.datasets.readers.pictures import read_image
from training.errors import UsageError

ANOMALY_LABELS = LabelMap({0: 0, 1: 1})
"""0 normal, 1 anomaly, 255 not judged: the encoding that anomaly benchmarks agree on."""


class ColourLabels:
    """Reads label pictures whose colours stand for classes.

    Args:
        ids: RGB, 0..255 each, to class id, 0..255; 255 means ignored.
    """

    def __init__(self, ids: Mapping[tuple[int, int, int], int]) -> None:
        self.ids = dict(ids)
        codes = {
            red << 16 | green << 8 | blue: number for (red, green, blue), number in ids.items()
        }
        self._codes = np.array(sorted(codes))
        self._numbers = np.array([codes[code] for code in sorted(codes)], np.uint8)

    def __call__(self, path: Path) -> np.ndarray:
        """Read one picture as class ids, uint8 [H, W], 255 = ignore.

        Raises:
            UsageError: the file cannot be decoded, or holds a colour that is not known.
        """
        bgr = read_image(path).astype(np.int64)
        codes = bgr[..., 2] << 16 | bgr[..., 1] << 8 | bgr[..., 0]
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        unknown = codes[self._codes[places] != codes]
        if len(unknown):
            code = int(unknown[0])
            raise UsageError(
                f"{path} holds the colour (RGB) {code >> 16}, {code >> 8 & 255}, {code & 255}, "
                f"which is none of the {len(self.ids)} that stand for a class"
            )
        numbers: np.ndarray = self._numbers[places]
        return numbers


def anomaly_labels(normal: range, anomaly: range, ignored: tuple[int, ...] = ()) -> LabelMap:
    """Make the map of a set whose label values fall into normal and anomalous ones.

    Args:
        normal: values of normal pixels, which become 0.
        anomaly: values of anomalies, which become 1.
        ignored: values of pixels that nobody judges, which become 255, as 255 itself does.
    """
    ids = dict.fromkeys(ignored, IGNORE) | dict.fromkeys(normal, 0) | dict.fromkeys(anomaly, 1)
    return LabelMap(ids)
