# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training halve`, `quantise` and `bfloat16`: the same bundle in a lower precision."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands import options

if TYPE_CHECKING:
    from cosme_ros.messages.image_orientation import ImageOrientation
    from cosme_ros.postprocessing.static_mask import StaticMask
    from training.export.lower_precision import Convert, OpenBundle, Precision


def halve(
    bundle: options.BundleArgument,
    data: options.CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle in half precision.")],
    static_mask: options.StaticMaskOption = None,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    overwrite: options.OverwriteOption = False,
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
    from training.export.float16 import halve as to_float16

    orientation = options.orientation_of(image_rotation, image_flip)
    mask = _checked(bundle, out, static_mask, orientation, overwrite)
    _write(bundle, data, orientation, out, mask, "float16", to_float16)


def bfloat16(
    bundle: options.BundleArgument,
    data: options.CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle for bfloat16.")],
    static_mask: options.StaticMaskOption = None,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    overwrite: options.OverwriteOption = False,
) -> None:
    """Make a bundle that may compute in bfloat16, for a CPU that has it (provider openvino).

    Goes in: a bundle, and pictures with labelled anomalies.

    Comes out: OUT, the same bundle, which allows both networks to compute in bfloat16. It is
    written only if it loses at most 0.5 % of the average precision on the pictures; the manifest
    says how much, and how far the scores moved. It is measured on OpenVINO where
    onnxruntime-openvino and a processor with bfloat16 are here, and by rounding elsewhere, which
    is near to it: 0.41 instead of 0.55 % for the demo's bundle.

    On the vehicle provider `auto` takes openvino and bfloat16 if they are there and faster than
    float32, which it measures; every other provider computes in float32 as before.

    Example:

        python -m training bfloat16 bundles/mine --data "bag=drive?0:0,1:1" --out bundles/mine_bf16

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=OUT`, with onnxruntime-openvino in
    place of onnxruntime.
    """
    from training.export.bfloat16 import allow_bfloat16, open_rounded

    orientation = options.orientation_of(image_rotation, image_flip)
    mask = _checked(bundle, out, static_mask, orientation, overwrite)
    _write(bundle, data, orientation, out, mask, "bfloat16", allow_bfloat16, open_rounded)


def quantise(
    bundle: options.BundleArgument,
    normal: Annotated[
        str,
        typer.Option(
            metavar="FRAMES",
            help="Normal frames, as for `fit`: a folder of pictures or a rosbag2.",
        ),
    ],
    data: options.CostOption,
    out: Annotated[Path, typer.Option(help="Folder to write: the bundle in int8.")],
    normal_frames: Annotated[
        int, typer.Option(min=1, help="Use at most this many of them, evenly spread.")
    ] = 100,
    static_mask: options.StaticMaskOption = None,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    overwrite: options.OverwriteOption = False,
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
    from training.datasets.interface import evenly_spread
    from training.datasets.normal_frames import FitFrames, open_static_mask
    from training.datasets.opening import open_frames
    from training.export.int8 import to_int8
    from training.export.manifest import input_size, read_manifest

    orientation = options.orientation_of(image_rotation, image_flip)
    mask = _checked(bundle, out, static_mask, orientation, overwrite)
    size = input_size(read_manifest(bundle))
    source = open_frames(normal, orientation=orientation)
    of_frames = None
    if mask is not None:
        of_frames = open_static_mask(str(static_mask), source, size, orientation=orientation)
    chosen = evenly_spread(len(source), normal_frames)
    frames = FitFrames(source, chosen, size, static_mask=of_frames)
    _write(bundle, data, orientation, out, mask, "int8", to_int8(frames))


def _checked(
    bundle: Path,
    out: Path,
    static_mask: Path | None,
    orientation: "ImageOrientation",
    overwrite: bool,
) -> "StaticMask | None":
    """Refuse what cannot be written or is not of the bundle, and return the static mask."""
    from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir
    from training.export.manifest import read_manifest, static_mask_of_fit

    check_output_dir(out, BUNDLE_CONTENTS, overwrite=overwrite)
    return static_mask_of_fit(static_mask, read_manifest(bundle), orientation)


def _write(
    bundle: Path,
    data: str,
    orientation: "ImageOrientation",
    out: Path,
    static_mask: "StaticMask | None",
    precision: "Precision",
    convert: "Convert",
    open_lower: "OpenBundle | None" = None,
) -> None:
    from training.datasets.registry import open_dataset
    from training.export.graph_runner import GraphRunner
    from training.export.lower_precision import write_faster_bundle

    dataset = open_dataset(data, orientation)
    cost = write_faster_bundle(
        bundle, out, precision, convert, dataset, open_lower or GraphRunner, static_mask
    )
    typer.echo(f"{out}: {cost.sentence(dataset.title)}")
