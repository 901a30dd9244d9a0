"""Names of the layers whose features the method reads (section 4.2 of the paper)."""

BACKBONE_LAYERS = ("c2", "c3", "c4", "c5")
"""Outputs of the backbone's four stages, at strides 4, 8, 16, 16."""

LAST_HIDDEN = "lh"
"""What the last 1x1 convolution reads: the decoder's features, at stride 4."""

OUTPUT = "o"
"""Logits over the classes, at stride 4."""

LAYERS = (*BACKBONE_LAYERS, LAST_HIDDEN, OUTPUT)

MEMORY_LAYERS = ("c4", "c5", "lh")
"""L of Eq. 4; the best row of the upper half of the paper's Table 4."""

SUPERVISED_LAYERS = LAYERS
"""L_s of Eq. 5, as in section 4.2."""

EVALUATION_LAYERS = ("c5",)
"""L_e of Eq. 7, as in section 4.2."""


def student_layer(layer: str) -> str:
    """Name of the student's view of a teacher's layer among a bundle's tensors."""
    return f"student_{layer}"


def bank_of(layer: str) -> str:
    """Name of a layer's bank of prototypes among a bundle's tensors."""
    return f"bank_{layer}"
