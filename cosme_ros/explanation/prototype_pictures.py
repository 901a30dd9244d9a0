# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A small picture a prototype: the place of a normal frame that is most like it.

They show frames of whoever fitted the bundle, so they are made only when asked for. They lie in
PROTOTYPE_PICTURES beside the bundle's other files: for each layer the JPEGs of its prototypes one
after the other, and where each ends.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bundle.loading import PROTOTYPE_PICTURES, Bundle, BundleError, read_arrays
from cosme_ros.inference.memory_features import BANK

SIDE = 48
"""Pixels of a picture."""

_SHARE = 1 / 10
"""Of the frame's width that a picture shows: what a place of a coarse layer looks at."""
_QUALITY = 80
_PLACES_AT_ONCE = 4096
_SMALLEST_LENGTH = 1e-6
_JPEG, _ENDS = "_jpeg", "_ends"


class PrototypePictureMaker:
    """Finds, frame by frame, the place that is most like each prototype.

    Args:
        banks: `bank_<layer>` to float32 [K, C], rows of length 1; other names are left out.
    """

    def __init__(self, banks: Mapping[str, NDArray[np.float32]]) -> None:
        self._banks = {
            name.removeprefix(BANK): bank for name, bank in banks.items() if name.startswith(BANK)
        }
        self._best = {layer: np.full(len(bank), -np.inf) for layer, bank in self._banks.items()}
        self._pictures: dict[str, dict[int, bytes]] = {layer: {} for layer in self._banks}

    def add(self, image: NDArray[np.uint8], features: Mapping[str, NDArray[np.float32]]) -> None:
        """Take in a normal frame.

        Args:
            image: uint8 [H, W, 3] BGR.
            features: layer to float32 [C, h, w], as `Detector.features` returns them.
        """
        for layer, feature in features.items():
            similarity, place = _nearest_places(self._banks[layer], feature)
            _, height, width = feature.shape
            for prototype in np.flatnonzero(similarity > self._best[layer]).tolist():
                row, column = divmod(int(place[prototype]), width)
                centre = (row + 0.5) / height, (column + 0.5) / width
                self._pictures[layer][prototype] = _patch(image, centre)
            self._best[layer] = np.maximum(self._best[layer], similarity)

    def write(self, folder: Path) -> Path:
        """Write PROTOTYPE_PICTURES to a bundle's folder; the manifest's hash is the caller's."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for layer, bank in self._banks.items():
            pictures = [self._pictures[layer].get(number, b"") for number in range(len(bank))]
            arrays[layer + _JPEG] = np.frombuffer(b"".join(pictures), np.uint8)
            arrays[layer + _ENDS] = np.cumsum([len(picture) for picture in pictures])
        packed = io.BytesIO()
        np.savez(packed, **arrays)  # type: ignore[arg-type]
        write_atomically(folder / PROTOTYPE_PICTURES, packed.getvalue())
        return folder / PROTOTYPE_PICTURES


class PrototypePictures:
    """The pictures of a bundle's prototypes."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._arrays = arrays

    def jpeg(self, layer: str, prototype: int) -> bytes | None:
        """Return the picture of a prototype; None where it has none.

        Args:
            layer: of the memory.
            prototype: row of its bank. What joined the bank on the vehicle has no picture.
        """
        coded, ends = self._arrays.get(layer + _JPEG), self._arrays.get(layer + _ENDS)
        if coded is None or ends is None or not 0 <= prototype < len(ends):
            return None
        start = int(ends[prototype - 1]) if prototype else 0
        picture = coded[start : int(ends[prototype])].tobytes()
        return picture or None


def read_prototype_pictures(bundle: Bundle) -> PrototypePictures | None:
    """Return the pictures of a bundle's prototypes; None where it has none.

    Raises:
        BundleError: the file is damaged.
    """
    arrays = read_arrays(bundle, PROTOTYPE_PICTURES)
    if arrays is None:
        return None
    for name, array in arrays.items():
        wanted = "uint8" if name.endswith(_JPEG) else "int64"
        if array.ndim != 1 or str(array.dtype) != wanted:
            raise BundleError(
                f"{bundle.path / PROTOTYPE_PICTURES}: {name} is {array.dtype} "
                f"{list(array.shape)}; {wanted} [n] is right"
            )
    return PrototypePictures(arrays)


def _nearest_places(
    bank: NDArray[np.float32], feature: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return for each prototype the highest similarity in a frame, and at which place."""
    vectors = feature.reshape(len(feature), -1)
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), _SMALLEST_LENGTH)
    best = np.full(len(bank), -np.inf)
    where = np.zeros(len(bank), np.intp)
    for start in range(0, vectors.shape[1], _PLACES_AT_ONCE):
        similarity = bank @ vectors[:, start : start + _PLACES_AT_ONCE]
        places = similarity.argmax(axis=1)
        found = similarity[np.arange(len(bank)), places]
        better = found > best
        best[better], where[better] = found[better], places[better] + start
    return best, where


def _patch(image: NDArray[np.uint8], centre: tuple[float, float]) -> bytes:
    """Return what surrounds a point of an image, given in shares of its sides, as a JPEG."""
    height, width = image.shape[:2]
    side = min(max(8, round(width * _SHARE)), height, width)
    top = min(max(0, round(centre[0] * height - side / 2)), height - side)
    left = min(max(0, round(centre[1] * width - side / 2)), width - side)
    patch = cv2.resize(
        image[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    return cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
