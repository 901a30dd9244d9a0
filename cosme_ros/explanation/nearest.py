# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The prototype of each bank that is nearest to what an obstacle looks like to the networks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.memory_features import BANK

_SMALLEST_LENGTH = 1e-6


@dataclass(frozen=True)
class NearestPrototype:
    """What one layer of the memory has that is most alike."""

    layer: str
    prototype: int
    """Row of the bank."""
    similarity: float
    """Cosine, -1..1."""


def nearest_prototypes(
    features: Mapping[str, NDArray[np.float32]],
    banks: Mapping[str, NDArray[np.float32]],
    where: tuple[float, float],
) -> tuple[NearestPrototype, ...]:
    """Return the nearest prototype of each layer at one point of the image.

    Args:
        features: layer to float32 [C, h, w], as `Detector.features` returns them.
        banks: `bank_<layer>` to float32 [K, C], rows of length 1.
        where: row and column of the point, as shares of the image's height and width, 0..1.
    """
    found = []
    for layer, feature in features.items():
        _, height, width = feature.shape
        row = min(int(where[0] * height), height - 1)
        column = min(int(where[1] * width), width - 1)
        vector = feature[:, row, column].astype(np.float64)
        length = max(float(np.linalg.norm(vector)), _SMALLEST_LENGTH)
        similarity = banks[f"{BANK}{layer}"] @ (vector / length)
        best = int(similarity.argmax())
        found.append(NearestPrototype(layer, best, float(similarity[best])))
    return tuple(found)
