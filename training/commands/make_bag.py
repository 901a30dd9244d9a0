# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training make-bag`."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands import options
from training.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from training.bag_writer import BagFrame
    from training.datasets.readers.folder import ImageFolder, LabelledFolder


class Format(StrEnum):
    """How images are stored."""

    RAW = "raw"
    JPEG = "jpeg"
    PNG = "png"


def make_bag(
    images: Annotated[
        Path, typer.Argument(help="Folder of jpg/png pictures, or one that holds images/.")
    ],
    out: Annotated[Path, typer.Option(help="The bag's folder; made when the bag is whole.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Folder of one-channel PNGs named like the images."),
    ] = None,
    label_map: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE:ID,...",
            help="Changes label values, e.g. 0:0,2:1; 255 stays ignored, others are errors.",
        ),
    ] = None,
    rate: Annotated[float, typer.Option(help="Frames a second.")] = 10.0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many frames, from the first.")
    ] = None,
    image_format: Annotated[
        Format, typer.Option("--format", help="raw and png are lossless.")
    ] = Format.JPEG,
    quality: Annotated[int, typer.Option(help="Of jpeg, 1 to 100.")] = 90,
    frame_id: Annotated[str, typer.Option(help="Of every header.")] = "camera",
    start_stamp: Annotated[
        int | None,
        typer.Option(help="First stamp, seconds since 1970; fixed unless given: 2024-01-01."),
    ] = None,
    horizontal_fov: Annotated[
        float | None,
        typer.Option(
            help="Degrees; gives camera_info a nominal pinhole. Without: uncalibrated (K = 0)."
        ),
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Turn pictures, and their labels if there are any, into a rosbag2 (MCAP).

    Goes in: IMAGES in natural order of their names (frame_2 before frame_10), their pixels as they
    are stored: orientation tags rotate nothing. A damaged or cut picture ends the command.
    Comes out: a bag with /camera/image_raw (sensor_msgs/Image, bgr8) or
    /camera/image_raw/compressed (CompressedImage), /camera/camera_info, and /camera/labels
    (Image, mono8), all messages of a frame with the same stamp. The same input gives the same
    bytes. Plays with `ros2 bag play` from Humble on (there MCAP is a package of its own,
    ros-humble-rosbag2-storage-mcap).

    Example:

        python -m training make-bag road_anomaly --label-map 0:0,2:1 \\
            --labels road_anomaly/labels --rate 2 --out road_anomaly_bag

    Next: play the bag to the detector, or fit a bundle to it: `python -m training fit`.
    """
    from tqdm import tqdm

    from training.bag_writer import START_STAMP_S, write_bag
    from training.datasets.readers.folder import ImageFolder, LabelledFolder
    from training.datasets.readers.label_map import IDENTITY, parse_label_map

    if labels is None and label_map is not None:
        raise UsageError("--label-map needs --labels")
    source: ImageFolder | LabelledFolder
    if labels is None:
        source = ImageFolder(images)
    else:
        mapping = parse_label_map(label_map) if label_map else IDENTITY
        source = LabelledFolder(images, mapping, labels=labels)
    count = min(len(source), limit or len(source))
    try:
        with tqdm(_frames(source, count), total=count, unit="frame", desc=out.name) as frames:
            write_bag(
                out,
                frames,
                rate=rate,
                image_format=image_format.value,
                quality=quality,
                frame_id=frame_id,
                start_stamp=START_STAMP_S if start_stamp is None else start_stamp,
                horizontal_fov=horizontal_fov,
                overwrite=overwrite,
            )
    except KeyboardInterrupt:
        kept = "is as it was" if out.exists() else "was not made"
        raise Interrupted(f"{out} {kept}; the same command starts anew") from None
    size = sum(file.stat().st_size for file in out.iterdir())
    typer.echo(f"{out}: {count} frames at {rate:g} Hz, {size / 1e6:.1f} MB")


def _frames(source: "ImageFolder | LabelledFolder", count: int) -> "Iterator[BagFrame]":
    from training.bag_writer import BagFrame

    for index in range(count):
        item = source[index]
        yield BagFrame(*item) if isinstance(item, tuple) else BagFrame(item)
