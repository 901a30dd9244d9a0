# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training bfloat16`."""

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


def bfloat16(
    bundle: BundleArgument,
    data: CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle for bfloat16.")],
    static_mask: StaticMaskOption = None,
    image_rotation: ImageRotation = 0,
    image_flip: ImageFlip = "none",
    overwrite: OverwriteOption = False,
) -> None:
    """Make a bundle that may compute in bfloat16, for a CPU that has it (provider openvino).

    Goes in: a bundle, and pictures with labelled anomalies.

    Comes out: OUT, the same bundle, which allows both networks to compute in bfloat16. It is
    written only if it loses at most 0.5 % of the average precision on the pictures; the manifest
    says how much, and how far the scores moved. It is measured on OpenVINO where
    onnxruntime-openvino and a processor with bfloat16 are here, and by rounding elsewhere, which
    is near to it: 0.43 instead of 0.62 % for the demo's bundle.

    On the vehicle provider `auto` takes openvino and bfloat16 if they are there and faster than
    float32, which it measures; every other provider computes in float32 as before.

    Example:

        python -m training bfloat16 bundles/mine --data "bag=drive?0:0,1:1" --out bundles/mine_bf16

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=OUT`, with onnxruntime-openvino in
    place of onnxruntime.
    """
    from tqdm import tqdm

    from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir
    from training.datasets.registry import open_dataset
    from training.export.bfloat16 import allow_bfloat16, open_rounded
    from training.export.lower_precision import write_faster_bundle
    from training.export.manifest import read_manifest, static_mask_of_fit

    check_output_dir(out, BUNDLE_CONTENTS, overwrite=overwrite)
    orientation = orientation_of(image_rotation, image_flip)
    mask = static_mask_of_fit(static_mask, read_manifest(bundle), orientation)
    dataset = open_dataset(data, orientation)
    cost = write_faster_bundle(
        bundle,
        out,
        "bfloat16",
        allow_bfloat16,
        dataset,
        lambda frames: tqdm(frames, "both precisions", unit="frame"),
        open_rounded,
        mask,
    )
    typer.echo(f"{out}: {cost.sentence(dataset.title)}")
