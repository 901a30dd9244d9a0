# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The method as the paper has it, and the one that measured better; `fit --method` chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from training.layers import EVALUATION_LAYERS, MEMORY_LAYERS, generalist_layer
from training.method.guided_settings import GuidedFilter


class StudentKind(StrEnum):
    """How the student comes about."""

    RIDGE = "ridge"
    SCRATCH = "scratch"


class Standardisation(StrEnum):
    """How MulMem enters the product of Eq. 8."""

    NONE = "none"
    CLASS = "class"


@dataclass(frozen=True)
class Method:
    """Choices that belong together; each can be made on the command line by itself.

    Attributes:
        student: trained from scratch, or in closed form.
        evaluation_layers: L_e of Eq. 7.
        standardisation: of MulMem.
        pooled: MulMem reads all layers on the grid of the coarsest.
        smoothing: of CosMe's score, standard deviation in pixels of the network input.
        guided: makes CosMe's score follow the picture's edges; None leaves it as it is.
        auxcon_power: of Eq. 7 in the product of Eq. 8.
        backward_layers: that explain the generalist's features, each by itself; none for the
            paper's one way.
        backward_power: of each backward score in the product of Eq. 8.
        memory_layers: L of Eq. 4.
        memory_stride: of `MemorySettings.stride`.
        layer_powers: layer to the power of its score in Eq. 4; 1 for the others.
        prototypes: K of each bank.
    """

    student: StudentKind
    evaluation_layers: tuple[str, ...]
    standardisation: Standardisation
    pooled: bool
    smoothing: float
    auxcon_power: float
    backward_layers: tuple[str, ...] = ()
    backward_power: float = 1.0
    memory_layers: tuple[str, ...] = MEMORY_LAYERS
    memory_stride: int | None = None
    layer_powers: Mapping[str, float] = field(default_factory=dict)
    prototypes: int = 512
    guided: GuidedFilter | None = None


PAPER = Method(StudentKind.SCRATCH, EVALUATION_LAYERS, Standardisation.CLASS, False, 0.0, 1.0)
"""Sections 3 and 4.2."""

DEFAULT = Method(
    StudentKind.RIDGE,
    ("c4",),
    Standardisation.NONE,
    True,
    0.0,
    0.5,
    backward_layers=("c4", "c5"),
    memory_layers=("c5", generalist_layer("c3"), generalist_layer("c4")),
    memory_stride=16,
    layer_powers={"c5": 0.5, generalist_layer("c4"): 2.0},
    prototypes=1024,
    guided=GuidedFilter(radius=24.0, epsilon=3e-5),
)
"""What docs/method.md measures."""

ALONE = replace(
    DEFAULT,
    memory_layers=tuple(generalist_layer(layer) for layer in ("c3", "c4", "c5")),
    memory_stride=None,
    layer_powers={},
)
"""The default where there is no teacher."""

GENERALIST_WIDTH = 1024
"""Pixels that the default generalist's input is wide at least: small things need them."""


def generalist_size(size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the input size of the generalist beside a teacher, None for the teacher's own.

    >>> generalist_size((360, 640))
    (576, 1024)
    >>> generalist_size((512, 1024)) is None
    True

    Args:
        size: (height, width) of the teacher's input in pixels.
    """
    height, width = size
    if width >= GENERALIST_WIDTH:
        return None
    return round(height * GENERALIST_WIDTH / width), GENERALIST_WIDTH


METHODS = {"default": DEFAULT, "paper": PAPER}
