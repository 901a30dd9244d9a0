# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training start`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from training.commands import options
from training.commands.fit import fit
from training.errors import UsageError

USUAL_WIDTH = 640
USUAL_FRAMES = 300
_MULTIPLE = 8  # pixels; of the grids that scores come on


def usual_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of a network input with about the ratio of sides of the frames.

    >>> usual_size(1080, 1920)
    (360, 640)
    >>> usual_size(360, 480)
    (360, 480)
    """
    own_width = min(USUAL_WIDTH, _rounded(width))
    return _rounded(height * own_width / width), own_width


def _rounded(pixels: float) -> int:
    return max(_MULTIPLE, round(pixels / _MULTIPLE) * _MULTIPLE)


def start(
    context: typer.Context,
    pictures: Annotated[
        str, typer.Argument(help="Normal frames: a folder of pictures, a video, or a rosbag2.")
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    teacher: Annotated[
        str | None,
        typer.Option(
            help="A segmentation network, as `fit --teacher` takes it. Without one a generalist "
            "alone is fitted: it finds large things well, small ones less well, and knows no road."
        ),
    ] = None,
    layers: options.Layers = None,
    normalization: options.Normalization = None,
    classes: options.Classes = None,
    topic: Annotated[str | None, typer.Option(help="Image topic, where a bag has several.")] = None,
    max_frames: Annotated[
        int, typer.Option(min=1, help="Use at most this many, evenly spread.")
    ] = USUAL_FRAMES,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    overwrite: options.OverwriteOption = False,
) -> None:
    """From pictures to a working detector, with nothing else: no labels, no network, no settings.

    Give it what the camera sees on good days, some hundred pictures of all light and places, with
    nothing on the road that should raise an alarm. It chooses the input's size after the pictures,
    fits, calibrates, and says how good the bundle is. Some minutes for 300 pictures on two
    cores; after Ctrl-C the same command goes on.

    Example:

        python -m training start pictures/ --out bundles/mine

    Next: `python -m cosme_ros watch SOURCE --bundle bundles/mine` shows it at work in a browser.
    `fit` is the same with every choice open.
    """
    from training.datasets.opening import open_frames
    from training.teachers.loading import NO_TEACHER

    orientation = options.orientation_of(image_rotation, image_flip)
    source = open_frames(pictures, topic)
    if not len(source):
        raise UsageError(f"{pictures} holds no picture")
    size = usual_size(*orientation.size(*source[0].shape[:2]))
    used = min(len(source), max_frames)
    typer.echo(
        f"{used} of {len(source)} pictures, network input {size[1]}x{size[0]}, "
        + (f"teacher {teacher}" if teacher else "no teacher: the generalist alone")
    )
    fit(
        context,
        frames=pictures,
        teacher=teacher or NO_TEACHER,
        out=out,
        layers=layers,
        normalization=normalization,
        classes=classes,
        topic=topic,
        size=size,
        max_frames=max_frames,
        image_rotation=image_rotation,
        image_flip=image_flip,
        seed=seed,
        overwrite=overwrite,
    )
    if not teacher:
        typer.echo(
            "without a teacher the bundle knows no road: the whole picture is searched "
            "(region everything), and no class is told. With a segmentation network of your "
            "camera's streets, --teacher finds smaller things."
        )
    shown = shlex.quote(pictures) if Path(pictures).exists() else "SOURCE"
    typer.echo(
        f"watch it: python -m cosme_ros watch {shown} --bundle {shlex.quote(str(out))}"
        + options.as_options(orientation)
    )
