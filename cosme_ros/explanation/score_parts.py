# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a score is made of: memory, forward and backward consensus, place by place.

memory.onnx gives MulMem and AuxCon. AuxCon is the product of the forward consensus (Eq. 6 and 7, to
a power) and of the backward consensus, where the bundle has one. The forward part is computed here
again from the features of both networks; the backward part is what is then left of AuxCon.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.metrics.labels import to_size

MEMORY, FORWARD, BACKWARD = "memory", "forward consensus", "backward consensus"
PARTS = (MEMORY, FORWARD, BACKWARD)
"""Names, in the order in which they are shown."""

CONSENSUS = "consensus"
"""Forward and backward in one, where the networks' features are not at hand."""

_STUDENT = "student_"
_SMALLEST = 1e-12


def parts_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which of PARTS the scores of a bundle are made of."""
    method = manifest["method"]
    return (
        *((MEMORY,) if method["layers"] else ()),
        *((FORWARD,) if method["evaluation_layers"] else ()),
        *((BACKWARD,) if method.get("backward_layers") else ()),
    )


def score_parts(
    manifest: Mapping[str, Any],
    grids: Mapping[str, NDArray[np.float32]],
    outputs: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Return each part of `parts_of` on the grid of the scores.

    Their product is the score before it is smoothed.

    Args:
        manifest: of the bundle.
        grids: `mulmem` and `auxcon`, float32 [h, w].
        outputs: teacher's and student's of the same frame, float32 [1, C, h, w] by name.

    Returns:
        Part to float32 [h, w], 0 or more.
    """
    names = parts_of(manifest)
    found: dict[str, NDArray[np.float32]] = {}
    if MEMORY in names:
        found[MEMORY] = grids["mulmem"]
    forward = np.ones_like(grids["auxcon"])
    if FORWARD in names:
        forward = _forward(manifest, outputs, grids["auxcon"].shape)
        found[FORWARD] = forward
    if BACKWARD in names:
        left = grids["auxcon"] / np.maximum(forward, np.float32(_SMALLEST))
        found[BACKWARD] = np.asarray(left, np.float32)
    return found


def samples_of(
    manifest: Mapping[str, Any],
    grids: Mapping[str, NDArray[np.float32]],
    outputs: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Return what a reference of the parts is measured on: `score_parts`, and CONSENSUS.

    CONSENSUS is there where it is made of both ways. Arguments are as of `score_parts`.
    """
    found = score_parts(manifest, grids, outputs)
    if FORWARD in found and BACKWARD in found:
        found[CONSENSUS] = grids["auxcon"]
    return found


def _forward(
    manifest: Mapping[str, Any],
    outputs: Mapping[str, NDArray[np.float32]],
    size: tuple[int, ...],
) -> NDArray[np.float32]:
    """Return the product of Eq. 6 over the evaluation layers (Eq. 7), to its power."""
    product = np.ones(size, np.float32)
    for layer in manifest["method"]["evaluation_layers"]:
        teacher, student = outputs[layer][0], outputs[f"{_STUDENT}{layer}"][0]
        if student.shape[1:] != teacher.shape[1:]:
            student = np.stack([to_size(plane, teacher.shape[1:]) for plane in student])
        product *= to_size(np.square(teacher - student).mean(axis=0), size)
    power = manifest["method"].get("auxcon_power", 1.0)
    return np.asarray(product if power == 1 else product**power, np.float32)
