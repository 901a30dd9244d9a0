# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training halve`."""

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


def halve(
    bundle: BundleArgument,
    data: CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle in half precision.")],
    static_mask: StaticMaskOption = None,
    image_rotation: ImageRotation = 0,
    image_flip: ImageFlip = "none",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a bundle that computes in half precision, for a GPU (provider cuda or tensorrt).

    Goes in: a bundle, and pictures with labelled anomalies.

    Comes out: OUT, a bundle of half the size. Both networks compute in float16 and send their
    features so; the scores are computed from them in float32. Banks and calibration stay as they
    are. It is written only if it loses at most 0.5 % of the average precision on the pictures; the
    manifest says how much, and how far the scores moved.

    On a CPU such a bundle works, but slower than the one it was made from.

    Example:

        python -m training halve bundles/mine --data "bag=drive?0:0,1:1" --out bundles/mine_half

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=OUT provider:=cuda`.
    """
    from tqdm import tqdm

    from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir
    from training.datasets.registry import open_dataset
    from training.export.float16 import halve as to_float16
    from training.export.lower_precision import write_faster_bundle
    from training.export.manifest import read_manifest, static_mask_of_fit

    check_output_dir(out, BUNDLE_CONTENTS, overwrite=overwrite)
    orientation = orientation_of(image_rotation, image_flip)
    mask = static_mask_of_fit(static_mask, read_manifest(bundle), orientation)
    dataset = open_dataset(data, orientation)
    cost = write_faster_bundle(
        bundle,
        out,
        "float16",
        to_float16,
        dataset,
        lambda frames: tqdm(frames, "both bundles", unit="frame"),
        static_mask=mask,
    )
    typer.echo(f"{out}: {cost.sentence(dataset.title)}")
