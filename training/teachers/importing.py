# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Makes a teacher out of a public checkpoint of DeepLabV3+."""

import re
from pathlib import Path

from training.datasets.readers.class_list import ClassList
from training.errors import UsageError
from training.teachers.checkpoint import TeacherCheckpoint
from training.teachers.factory import build_teacher
from training.teachers.networks.deeplabv3plus import DeepLabV3Plus
from training.teachers.networks.resnet import BLOCKS_PER_STAGE
from training.teachers.public_layouts import LAYOUTS, PublicLayout
from training.teachers.public_weights import check_match, read_weights, shapes_of

_THIRD_STAGE = 2


def import_teacher(
    path: Path, layout_name: str, classes: ClassList, *, output_stride: int | None = None
) -> TeacherCheckpoint:
    """Read a public checkpoint, all of whose weights have to find their place.

    Args:
        path: of the checkpoint.
        layout_name: a key of LAYOUTS.
        classes: of the checkpoint, in its order.
        output_stride: that it was trained with, 8 or 16; no weight says it. None takes the
            layout's usual one.

    Raises:
        UsageError: no such layout, or a checkpoint that does not fit it; the message lists what
            is missing, unexpected or of another shape.
    """
    if layout_name not in LAYOUTS:
        raise UsageError(f"--layout {layout_name!r}; known are {', '.join(LAYOUTS)}")
    layout = LAYOUTS[layout_name]
    state = layout.without_ignored(read_weights(path))
    architecture = f"deeplabv3plus_{_backbone(layout, list(state), path)}"
    count = len(classes.classes)
    classifier = state.get(layout.public_name("classifier.weight"))
    if classifier is not None and len(classifier) != count:
        raise UsageError(
            f"{path} tells {len(classifier)} classes apart; the class list has {count}"
        )
    try:
        network = build_teacher(
            architecture,
            count,
            output_stride=layout.output_stride if output_stride is None else output_stride,
            variant=layout.variant,
        )
    except ValueError as error:
        raise UsageError(f"--output-stride: {error}") from error
    assert isinstance(network, DeepLabV3Plus)
    check_match(layout.shapes(network), shapes_of(state), path)
    network.load_state_dict(layout.convert(state, network))
    network.requires_grad_(False).eval()
    return TeacherCheckpoint(
        network, architecture, 1.0, classes.classes, f"public checkpoint {path.name}"
    )


def _backbone(layout: PublicLayout, names: list[str], path: Path) -> str:
    """Return which of the layout's ResNets it is, by the number of blocks of stage 3."""
    prefix = re.escape(layout.public_name("encoder.layer3."))
    matches = (re.match(rf"{prefix}(\d+)\.", name) for name in names)
    blocks = len({match.group(1) for match in matches if match})
    depths = {name: BLOCKS_PER_STAGE[name][_THIRD_STAGE] for name in layout.backbones}
    for name, depth in depths.items():
        if blocks == depth:
            return name
    known = ", ".join(f"{name} has {depth}" for name, depth in depths.items())
    first = ", ".join(names[:5]) or "nothing"
    raise UsageError(
        f"{path} has {blocks} blocks under {layout.public_name('encoder.layer3')}; {known}. Its "
        f"first names are {first}; other layouts are {', '.join(LAYOUTS)}"
    )
