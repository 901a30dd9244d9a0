# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The prototype banks of an open detector, and the features that MulMem compares with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import unit_length_fault

BANK = "bank_"
GENERALIST = "generalist"
"""The student's output that holds the layers of a generalist one after the other, and what their
names in the memory begin with."""


def checked_banks(
    manifest: Mapping[str, Any], banks: Mapping[str, np.ndarray]
) -> dict[str, NDArray[np.float32]]:
    """Return copies of prototype banks that fit a bundle's memory graph.

    Args:
        manifest: of the bundle.
        banks: `bank_<layer>` to float32 [K, C], rows of length 1. K, 1 or more, need not be the
            manifest's, C is that of the layer.

    Raises:
        ValueError: no such layer, another dtype or shape, or rows that are no unit vectors.
    """
    inputs = manifest["graphs"]["memory"]["inputs"]
    known = {f"{BANK}{layer}" for layer in manifest["method"]["layers"]}
    if unknown := banks.keys() - known:
        raise ValueError(
            f"there is no bank {', '.join(sorted(unknown))}; {', '.join(sorted(known))} are right"
        )
    checked = {}
    for name, bank in banks.items():
        channels = inputs[name]["shape"][1]
        right = f"float32 [K, {channels}] with K of 1 or more is right"
        if not isinstance(bank, np.ndarray):
            raise ValueError(f"{name} is a {type(bank).__name__}; {right}")
        if bank.dtype != np.float32 or bank.ndim != 2 or bank.shape[1] != channels or not len(bank):
            raise ValueError(f"{name} is {bank.dtype} {list(bank.shape)}; {right}")
        fault = unit_length_fault(name, bank)
        if fault:
            raise ValueError(fault)
        checked[name] = bank.copy()
    return checked


def memory_features(
    manifest: Mapping[str, Any], outputs: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return what MulMem (Eq. 3) compares with each bank, before it is brought to unit length.

    The memory graph does the same inside; which of it, the manifest says.

    Args:
        manifest: of the bundle.
        outputs: teacher's and student's, float32 [1, C, h, w] by name.

    Returns:
        Layer to float32 [C, h, w].
    """
    method = manifest["method"]
    layers = method["layers"]
    places = _generalist_places(manifest)
    # A layer of the generalist that comes by itself is on the memory's grid already.
    single = {layer: outputs[layer][0] for layer in layers if layer in outputs}
    of_teacher = {layer: x for layer, x in single.items() if layer not in places}
    if method.get("pooled", False) and of_teacher:
        grid = method.get("memory_grid")
        coarsest = (
            min(x.shape[1] for x in of_teacher.values()),
            min(x.shape[2] for x in of_teacher.values()),
        )
        single |= {
            layer: _pooled(x, grid or coarsest, exactly=grid is None)
            for layer, x in of_teacher.items()
        }
    return {
        layer: np.array(single[layer] if layer in single else outputs[GENERALIST][0, places[layer]])
        for layer in layers
    }


def _generalist_places(manifest: Mapping[str, Any]) -> dict[str, slice]:
    """Return where each layer of the generalist lies among its channels."""
    places, start = {}, 0
    for layer, channels in manifest["student"].get("channels", {}).items():
        places[f"{GENERALIST}_{layer}"] = slice(start, start + channels)
        start += channels
    return places


def _pooled(
    feature: NDArray[np.float32], grid: Sequence[int], *, exactly: bool
) -> NDArray[np.float32]:
    """Return means over whole blocks; where they do not divide, the last places are repeated.

    Blocks cover `grid` exactly, or are of the size that comes nearest to it.
    """
    sizes = list(zip(feature.shape[1:], grid, strict=True))
    if exactly:
        blocks = [-(-size // wanted) for size, wanted in sizes]
        rows, columns = (
            block * wanted - size for block, (size, wanted) in zip(blocks, sizes, strict=True)
        )
    else:
        blocks = [max(1, round(size / wanted)) for size, wanted in sizes]
        rows, columns = (-size % block for block, (size, _) in zip(blocks, sizes, strict=True))
    tall, wide = blocks
    if tall == wide == 1:
        return feature
    padded = np.pad(feature, ((0, 0), (0, rows), (0, columns)), mode="edge")
    count, height, width = padded.shape
    cells = padded.reshape(count, height // tall, tall, width // wide, wide)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)
