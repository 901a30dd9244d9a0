# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from training.errors import UsageError

_PANEL = "Where to compute"

SPREADING = """
**Several GPUs:** `--devices 4` starts a process for each by itself. The batch stays that of all
of them together.

**Several machines** that see the same files: start one of these, the first on every machine.

    torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d \\
        --rdzv-endpoint FIRST_MACHINE:29500 \\
        -m training COMMAND ... --nodes 2 --devices 4

    srun --nodes 2 --ntasks-per-node 4 --gpus-per-node 4 \\
        python -m training COMMAND ... --nodes 2 --devices 4

(`fabric run` starts scripts, not modules: it has no part in this.) A run may be resumed on
another number of devices.
"""
"""Below the help of the commands that have these options."""


class Accelerator(StrEnum):
    """What a process computes on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Numbers that networks are trained in."""

    FULL = "32"
    HALF = "16-mixed"
    BRAIN = "bf16-mixed"


AcceleratorOption = Annotated[
    Accelerator,
    typer.Option("--accelerator", help="auto: a GPU where there is one.", rich_help_panel=_PANEL),
]
DevicesOption = Annotated[
    int,
    typer.Option(
        "--devices",
        min=1,
        help="GPUs of this machine, or CPU processes; they share --batch evenly.",
        rich_help_panel=_PANEL,
    ),
]
NodesOption = Annotated[
    int,
    typer.Option("--nodes", min=1, help="Machines; see below.", rich_help_panel=_PANEL),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="bf16-mixed takes less time and memory on GPUs since Ampere, 16-mixed on older ones. "
        "Weights stay in 32 bits.",
        rich_help_panel=_PANEL,
    ),
]


BundleArgument = Annotated[Path, typer.Argument(help="Folder that `fit` wrote.")]

CostOption = Annotated[
    str,
    typer.Option(
        metavar="NAME=PATH",
        help="Pictures with known anomalies, to measure what it costs; spelled as for "
        "`evaluate`, for example bag=demo/bag?0:0,1:1.",
    ),
]


def orientation_of(image_rotation: int, image_flip: str) -> ImageOrientation:
    """Return what `--image-rotation` and `--image-flip` say.

    Raises:
        UsageError: another value.
    """
    try:
        return ImageOrientation(image_rotation, image_flip)
    except ValueError as error:
        raise UsageError(str(error)) from error


def as_options(orientation: ImageOrientation) -> str:
    """Return the options of a command for a camera of this orientation; empty if it is upright."""
    return _named(orientation, " --image-rotation {}", " --image-flip {}")


def as_launch_arguments(orientation: ImageOrientation) -> str:
    """Return the launch arguments for a camera of this orientation; empty if it is upright."""
    return _named(orientation, " image_rotation:={}", " image_flip:={}")


def _named(orientation: ImageOrientation, rotation: str, flip: str) -> str:
    return (rotation.format(orientation.rotation) if orientation.rotation else "") + (
        flip.format(orientation.flip) if orientation.flip != AS_IT_IS.flip else ""
    )


StaticMaskOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png",
        help="The static mask that `fit` got; none if it got none. What it hides is not judged in "
        "pictures with its ratio of sides.",
    ),
]

TEACHER_PANEL = "Teacher"

OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace what an earlier run wrote to OUT."),
]

Teacher = Annotated[
    str,
    typer.Option(
        rich_help_panel=TEACHER_PANEL,
        metavar="FILE|MODULE:FUNCTION|none",
        help="Checkpoint that `teacher` or `import-teacher` wrote, or my_module:build, a function "
        "without arguments that returns any torch.nn.Module. none: no segmentation network at "
        "all, the generalist alone.",
    ),
]

Layers = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=TEACHER_PANEL,
        metavar="LAYER=PATH,...",
        help="Where the module's layers are: c4=backbone.layer3,c5=backbone.layer4,lh=head.3,"
        "o=head.4. c2 to c5: stages; lh: what the last 1x1 convolution reads; o: logits.",
    ),
]

Normalization = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=TEACHER_PANEL,
        metavar="imagenet|MEAN/DEVIATION",
        help="Of the module's input, e.g. 0.5,0.5,0.5/0.25,0.25,0.25 (R,G,B of pixels in 0..1); "
        "imagenet if not given.",
    ),
]

Classes = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=TEACHER_PANEL,
        help="The module's class list: a name or a JSON file, as in teacher.",
    ),
]

ImageRotation = Annotated[
    int,
    typer.Option(
        help="Degrees clockwise by which the camera's frames (and their labels) are turned to be "
        "upright: 0, 90, 180 or 270. Give the node the same value. Published and synthetic sets "
        "are upright: they stay as they are."
    ),
]

ImageFlip = Annotated[
    str,
    typer.Option(
        help="Whether the frames are then mirrored: none, horizontal or vertical. Give the node "
        "the same value."
    ),
]

Weights = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=TEACHER_PANEL, help="State dictionary (.pt) to load into the module."
    ),
]
