# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training teacher`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.commands import options
from training.errors import Interrupted, UsageError
from training.run_logs import LogFormat, make_loggers

if TYPE_CHECKING:
    from training.datasets.interface import LabelledSource
    from training.datasets.readers.class_list import ClassList


class Optimiser(StrEnum):
    """Rules of learning."""

    ADAMW = "adamw"
    SGD = "sgd"


def teacher(
    data: Annotated[
        str,
        typer.Argument(help="Folder with images/ and labels/, synthetic:SEED, or NAME=PATH:SPLIT."),
    ],
    out: Annotated[Path, typer.Option(help="The run's folder; a run there is resumed.")],
    classes: Annotated[
        str | None,
        typer.Option(help="Of a folder: a list's name, or a JSON file (format above)."),
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(help="As DATA; frames for mIoU, e.g. synthetic:9:50. Never trained on."),
    ] = None,
    architecture: Annotated[
        str,
        typer.Option(
            help="deeplabv3plus_ or pspnet_ and resnet18/34/50/101, or "
            "deeplabv3plus_efficientnet_lite0."
        ),
    ] = "deeplabv3plus_resnet18",
    width: Annotated[float, typer.Option(help="Factor on the numbers of channels.")] = 1.0,
    output_stride: Annotated[
        int,
        typer.Option(
            metavar="8|16", help="Of c5, in pixels; 8 is finer and several times the work."
        ),
    ] = 16,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="ImageNet weights (efficientnet_lite0 only).")
    ] = False,
    backbone_weights: Annotated[
        Path | None, typer.Option(help="Public ResNet checkpoint (.pth) to start from.")
    ] = None,
    crop: Annotated[
        tuple[int, int], typer.Option(metavar="H W", help="Training window, pixels.")
    ] = (256, 320),
    batch: Annotated[int, typer.Option(help="Windows per step, of all devices together.")] = 8,
    steps: Annotated[int, typer.Option(help="Of the optimiser, in all.")] = 2000,
    optimiser: Annotated[Optimiser, typer.Option(help="sgd has momentum 0.9.")] = Optimiser.ADAMW,
    learning_rate: Annotated[
        float, typer.Option(help="At the start; falls as (1 - step/steps)^0.9.")
    ] = 1e-3,
    backbone_rate: Annotated[
        float, typer.Option(help="Factor on the backbone's learning rate; low if pretrained.")
    ] = 1.0,
    weight_decay: Annotated[float, typer.Option(help="Of the optimiser.")] = 1e-2,
    loss_stride: Annotated[
        int, typer.Option(min=1, help="Judge every so many pixels; 4 is quicker on a CPU.")
    ] = 1,
    zoom: Annotated[
        float, typer.Option(min=1.0, help="Windows are enlarged or made smaller up to so much.")
    ] = 2.0,
    auxiliary_weight: Annotated[
        float, typer.Option(min=0.0, help="Of classifiers on c4 and c5, while training.")
    ] = 0.0,
    balance: Annotated[
        bool, typer.Option("--balance", help="Rare classes weigh more in the loss.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights, order and random views.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that prepare data.")] = 1,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between saves.")] = 100,
    log: Annotated[
        LogFormat,
        typer.Option(help="Of loss, learning rate and IoU, in OUT/logs; csv or TensorBoard's."),
    ] = LogFormat.CSV,
    val_every: Annotated[int, typer.Option(min=1, help="Steps between mIoU on --val.")] = 1000,
    accelerator: options.AcceleratorOption = options.Accelerator.AUTO,
    devices: options.DevicesOption = 1,
    nodes: options.NodesOption = 1,
    precision: options.PrecisionOption = options.Precision.FULL,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Train a segmentation teacher on labelled images.

    Goes in: pictures (jpg, png) in DATA/images and labels (png) in DATA/labels, paired by name.
    A label is an 8-bit picture with one channel, whose values --classes explains; 255 is
    ignored. Or NAME=PATH:SPLIT for a data set that brings its classes, such as
    cityscapes=/data/cityscapes:train; `python -m training datasets` lists them.

    Comes out: OUT/teacher.pt, OUT/report.json (settings, losses, mIoU), OUT/logs, OUT/pictures
    (frames of --val, their labels and what was predicted) and OUT/progress.pt, from which the same
    command resumes after Ctrl-C or a kill, with the same result as if nothing had happened. For a
    finished run it only measures IoU again, on whatever --val says. `tensorboard --logdir OUT/logs`
    shows the logs of --log tensorboard.

    A class list file; `label` is the value, or the values, in the label pictures:

        {"classes": [{"name": "road", "colour": [128, 64, 128],
                      "drivable": true, "label": 3},
                     {"name": "car", "colour": [64, 0, 128],
                      "drivable": false, "label": [8, 12]}],
         "ignore": [11]}

    Example:

        python -m training teacher camvid/train --classes camvid \\
            --architecture deeplabv3plus_efficientnet_lite0 --pretrained \\
            --val camvid/val --out runs/camvid

    Next: `python -m training fit`, with OUT/teacher.pt and normal frames.
    """
    from tqdm import tqdm

    from cosme_ros.output_folder import check_output_dir
    from training.compute import Compute
    from training.segmentation.settings import TeacherSettings
    from training.segmentation.trainer import (
        PROGRESS_FILE,
        TEACHER_FILE,
        TeacherTraining,
        write_report,
    )
    from training.segmentation.validation import iou_table, mean_iou
    from training.segmentation.validation_pictures import FOLDER as PICTURES
    from training.segmentation.validation_pictures import ValidationPictures
    from training.teachers.checkpoint import load_teacher

    continued = (out / PROGRESS_FILE).is_file()
    check_output_dir(out, overwrite=overwrite or continued)
    class_list = _class_list(data, classes)
    settings = TeacherSettings(
        architecture=architecture,
        width=width,
        pretrained=pretrained,
        backbone_weights=str(backbone_weights) if backbone_weights else None,
        crop_height=crop[0],
        crop_width=crop[1],
        batch=batch,
        steps=steps,
        optimiser=optimiser.value,
        learning_rate=learning_rate,
        backbone_rate=backbone_rate,
        weight_decay=weight_decay,
        balance=balance,
        seed=seed,
        data=data,
        loss_stride=loss_stride,
        zoom=zoom,
        auxiliary_weight=auxiliary_weight,
        output_stride=output_stride,
    )
    source = _open(data, class_list, fresh_frames=steps * batch)
    held_out = _open(val, class_list, fresh_frames=100) if val else None
    training = TeacherTraining(
        settings,
        source,
        class_list.classes,
        out,
        workers=workers,
        compute=Compute(accelerator.value, devices, nodes, precision.value),
        loggers=make_loggers(log, out),
    )

    def validate(network: Any, *, pictures: bool = False) -> dict[str, Any] | None:
        if held_out is None:
            return None
        draw = None
        if pictures:
            draw = ValidationPictures(
                out, class_list.classes, len(held_out), log=training.log_picture
            ).add
        result = mean_iou(network, class_list.classes, held_out, draw)
        tqdm.write(f"step {training.step}: mIoU {result['miou']:.4f} on {val}")
        return {"data": val, **result}

    try:
        training.run(save_every=save_every, validate=validate, validate_every=val_every)
        if not training.leads:
            return
        result = validate(load_teacher(out / TEACHER_FILE).network, pictures=True)
    except KeyboardInterrupt:
        if (out / PROGRESS_FILE).exists():
            kept = f"{out / PROGRESS_FILE} keeps the last save; the same command resumes there"
        else:
            kept = "nothing was saved yet; the same command starts anew"
        raise Interrupted(kept) from None
    training.log_validation(result)
    write_report(training, result)
    if result is not None:
        typer.echo(iou_table(result))
        typer.echo(f"{out / PICTURES}: frames, their labels, and what was predicted")
    typer.echo(f"{out / TEACHER_FILE}: next, `python -m training fit` with it and normal frames")


def _class_list(data: str, classes: str | None) -> "ClassList":
    from training.datasets.opening import is_spelling
    from training.datasets.registry import CLASS_LISTS, load_class_list, open_dataset
    from training.datasets.synthetic_streets import SYNTHETIC, SYNTHETIC_CLASSES

    if is_spelling(data):
        if classes is not None:
            raise UsageError(
                f"--classes {classes} is for plain folders; {data} has its own classes"
            )
        return open_dataset(data).class_list()
    if classes is None:
        if data.split(":")[0] != SYNTHETIC:
            names = ", ".join(sorted(CLASS_LISTS))
            raise UsageError(f"--classes is missing: {names}, or a JSON file")
        return SYNTHETIC_CLASSES
    return load_class_list(classes)


def _open(data: str, class_list: "ClassList", fresh_frames: int) -> "LabelledSource":
    from training.datasets.opening import is_spelling
    from training.datasets.readers.folder import LabelledFolder
    from training.datasets.registry import open_dataset
    from training.datasets.synthetic_streets import SYNTHETIC, parse_synthetic

    if is_spelling(data):
        dataset = open_dataset(data)
        if dataset.class_list().classes != class_list.classes:
            names = ", ".join(c.name for c in class_list.classes)
            raise UsageError(f"the classes of {data} are not those that are trained: {names}")
        return dataset.source
    if data.split(":")[0] == SYNTHETIC:
        from training.datasets.synthetic_streets import SyntheticStreets

        return SyntheticStreets(*parse_synthetic(data, fresh_frames))
    return LabelledFolder(Path(data), class_list.label_map)
