# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Names of the layers whose features the method reads (section 4.2 of the paper)."""

from collections.abc import Iterable

BACKBONE_LAYERS = ("c2", "c3", "c4", "c5")
"""Outputs of the backbone's four stages; at strides 4, 8, 16, 16 unless asked otherwise."""

LAST_HIDDEN = "lh"
"""What the last 1x1 convolution reads: the head's features."""

OUTPUT = "o"
"""Logits over the classes."""

GENERALIST = "generalist"
"""The features of the frozen backbone that a closed-form student stands on, all layers of it."""

GUIDE = "guide"
"""The picture on the score's grid, where the score is to follow its edges."""

NOTHING = "nothing"
"""In place of a layer of the teacher, where no teacher explains the generalist."""

LAYERS = (*BACKBONE_LAYERS, LAST_HIDDEN, OUTPUT)

MEMORY_LAYERS = ("c4", "c5", "lh")
"""L of Eq. 4; the best row of the upper half of the paper's Table 4."""

SUPERVISED_LAYERS = LAYERS
"""L_s of Eq. 5, as in section 4.2."""

EVALUATION_LAYERS = ("c5",)
"""L_e of Eq. 7, as in section 4.2."""


def memory_layers_among(present: Iterable[str]) -> tuple[str, ...]:
    """Return those of MEMORY_LAYERS that a teacher has; `lh` is always one."""
    return tuple(layer for layer in MEMORY_LAYERS if layer in set(present))


def evaluation_layers_among(present: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return those of `wanted` that a teacher has, else its deepest layer before the logits."""
    known = set(present)
    usual = tuple(layer for layer in wanted if layer in known)
    return usual or tuple(x for x in (*BACKBONE_LAYERS[::-1], LAST_HIDDEN) if x in known)[:1]


def student_layer(layer: str) -> str:
    """Name of the student's view of a teacher's layer among a bundle's tensors."""
    return f"student_{layer}"


def generalist_layer(layer: str) -> str:
    """Name of a layer of the generalist where it stands beside the teacher's layers."""
    return f"{GENERALIST}_{layer}"


def is_generalist_layer(name: str) -> bool:
    """Return whether a name among the memory's layers is that of a layer of the generalist."""
    return name.startswith(f"{GENERALIST}_")


def bank_of(layer: str) -> str:
    """Name of a layer's bank of prototypes among a bundle's tensors."""
    return f"bank_{layer}"


RIDGE_BACKBONES = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
)
