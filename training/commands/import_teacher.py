# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training import-teacher`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from training.commands import options


class Layout(StrEnum):
    """Keys of training.teachers.public_layouts.LAYOUTS, which needs torch."""

    VAINF = "vainf"
    NVIDIA = "nvidia"


def import_teacher(
    checkpoint: Annotated[Path, typer.Argument(help="The file as it was downloaded.")],
    layout: Annotated[Layout, typer.Option(help="Whose it is; see below.")],
    out: Annotated[Path, typer.Option(help="The teacher.pt to write.")],
    classes: Annotated[
        str, typer.Option(help="Class list it was trained on: a name or a JSON file.")
    ] = "cityscapes",
    output_stride: Annotated[
        int | None,
        typer.Option(
            metavar="8|16",
            help="It was trained with; no weight says it. Without: vainf 16, nvidia 8.",
        ),
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Make a teacher out of a public checkpoint of DeepLabV3+.

    Goes in: a checkpoint in one of these layouts, found by the names in it:

    * vainf: VainF/DeepLabV3Plus-Pytorch, deeplabv3plus_resnet50 or _resnet101
      (backbone.layer4..., classifier.aspp..., under model_state)

    * nvidia: NVIDIA/semantic-segmentation as in shjung13/Standardized-max-logits and
      shachoi/RobustNet, DeepR101V3PlusD (module.layer0..., aspp, bot_aspp, final2)

    Comes out: OUT, a teacher as `teacher` writes it. The network is built as theirs is, so that
    it computes what theirs does; a weight that has no place, or a place without one, is an error
    that lists them. Auxiliary classifiers, which serve training alone, are left out.

    Nothing in the file is run: it is read as weights and numbers only.

    Example:

        python -m training import-teacher best_deeplabv3plus_resnet101_cityscapes_os16.pth \\
            --layout vainf --out teachers/cityscapes.pt

    Next: `python -m training fit`, with OUT and normal frames. Mind the checkpoint's licence, and
    that of the pictures it learned from: a bundle inherits them (fit --licence).
    """
    from cosme_ros.output_folder import check_output_file
    from training.datasets.registry import load_class_list
    from training.teachers.checkpoint import save_teacher
    from training.teachers.importing import import_teacher as make_teacher

    check_output_file(out, overwrite=overwrite)
    teacher = make_teacher(
        checkpoint, layout.value, load_class_list(classes), output_stride=output_stride
    )
    save_teacher(out, teacher)
    stride = teacher.network.strides["c5"]
    typer.echo(
        f"{out}: {teacher.architecture}, output stride {stride}, {len(teacher.classes)} classes; "
        "next, `python -m training fit` with it and normal frames"
    )
