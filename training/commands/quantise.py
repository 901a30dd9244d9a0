# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training quantise`."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import (
    BundleArgument,
    CostOption,
    ImageFlip,
    ImageRotation,
    OverwriteOption,
    StaticMaskOption,
    orientation_of,
)


def quantise(
    bundle: BundleArgument,
    normal: Annotated[
        str,
        typer.Option(
            metavar="FRAMES",
            help="Normal frames, as for `fit`: a folder of pictures or a rosbag2.",
        ),
    ],
    data: CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle in int8.")],
    normal_frames: Annotated[
        int, typer.Option(min=1, help="Use at most this many of them, evenly spread.")
    ] = 100,
    static_mask: StaticMaskOption = None,
    image_rotation: ImageRotation = 0,
    image_flip: ImageFlip = "none",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a bundle that computes in int8, for a CPU and large networks.

    Goes in: a bundle, normal frames without labels, and pictures with labelled anomalies.

    Comes out: OUT, a bundle of a quarter of the size. Both networks compute in 8 bits and send
    their features in float32. Scores move by more than rounding, so the calibration table is
    measured again on the normal frames: give many, and such as `fit` did not learn from. It is
    written only if it loses at most 0.5 % of the average precision on the pictures; the manifest
    says how much, and how far the scores moved.

    Worth it for large networks: a ResNet-50 runs twice as fast on a CPU with AVX2; the demo's
    narrow networks gain little.

    Example:

        python -m training quantise bundles/mine --normal /data/my_drive \\
            --data "bag=drive?0:0,1:1" --out bundles/mine_int8

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=OUT provider:=cpu`.
    """
    import numpy as np
    from tqdm import tqdm

    from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir
    from training.commands.options import with_bar
    from training.datasets.normal_frames import FitFrames, open_static_mask
    from training.datasets.opening import open_frames
    from training.datasets.registry import open_dataset
    from training.export.int8 import to_int8
    from training.export.lower_precision import write_faster_bundle
    from training.export.manifest import read_manifest, static_mask_of_fit

    check_output_dir(out, BUNDLE_CONTENTS, overwrite=overwrite)
    manifest = read_manifest(bundle)
    orientation = orientation_of(image_rotation, image_flip)
    mask = static_mask_of_fit(static_mask, manifest, orientation)
    size = (manifest["input_size"]["height"], manifest["input_size"]["width"])
    source = open_frames(normal, orientation=orientation)
    chosen = np.linspace(0, len(source) - 1, min(normal_frames, len(source))).round()
    of_frames = None
    if mask is not None:
        of_frames = open_static_mask(str(static_mask), source, size, orientation=orientation)
    frames = FitFrames(source, chosen.astype(np.int64), size, static_mask=of_frames)
    dataset = open_dataset(data, orientation)
    cost = write_faster_bundle(
        bundle,
        out,
        "int8",
        to_int8(frames, with_bar, of_frames),
        dataset,
        lambda numbers: tqdm(numbers, "both bundles", unit="frame"),
        static_mask=mask,
    )
    typer.echo(f"{out}: {cost.sentence(dataset.title)}")
