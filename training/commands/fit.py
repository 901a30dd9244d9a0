"""`python -m training fit`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from training.fit_settings import MemorySettings, StudentSettings
from training.layers import EVALUATION_LAYERS, MEMORY_LAYERS, SUPERVISED_LAYERS


class Standardisation(StrEnum):
    """How MulMem enters the product of Eq. 8."""

    NONE = "none"
    CLASS = "class"


def _layers(text: str) -> tuple[str, ...]:
    return tuple(layer.strip().lower() for layer in text.split(",") if layer.strip())


def fit(
    frames: Annotated[
        str,
        typer.Argument(
            help="Normal frames: a folder of pictures, a rosbag2, synthetic:SEED, NAME=PATH:SPLIT."
        ),
    ],
    teacher: Annotated[Path, typer.Option(help="Checkpoint that `teacher` wrote.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder; replaced if it exists.")],
    topic: Annotated[str | None, typer.Option(help="Image topic, where a bag has several.")] = None,
    size: Annotated[
        tuple[int, int],
        typer.Option(metavar="H W", help="Network input, pixels. Keep your camera's ratio."),
    ] = (360, 640),
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Use at most this many, evenly spread.")
    ] = None,
    calibration_share: Annotated[
        float, typer.Option(help="Share of the frames, the last ones, kept for calibration.")
    ] = 0.2,
    layers: Annotated[str, typer.Option(help="Layers with a bank (Eq. 4).")] = ",".join(
        MEMORY_LAYERS
    ),
    prototypes: Annotated[
        int, typer.Option(min=1, help="K of each bank.")
    ] = MemorySettings.prototypes,
    momentum: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="m of Eq. 2.")
    ] = MemorySettings.momentum,
    memory_epochs: Annotated[
        int, typer.Option(min=1, help="Passes of Algorithm 2 over the frames.")
    ] = 1,
    standardisation: Annotated[
        Standardisation, typer.Option(help="MulMem as it is, or per predicted class.")
    ] = Standardisation.NONE,
    student: Annotated[
        str | None, typer.Option(help="Its architecture; without it, the teacher's.")
    ] = None,
    student_width: Annotated[
        float | None, typer.Option(help="Factor on its channels; without it, the teacher's.")
    ] = None,
    supervised_layers: Annotated[
        str, typer.Option(help="Layers the student imitates (Eq. 5).")
    ] = ",".join(SUPERVISED_LAYERS),
    evaluation_layers: Annotated[
        str, typer.Option(help="Of those, the ones that are compared (Eq. 7).")
    ] = ",".join(EVALUATION_LAYERS),
    student_steps: Annotated[int, typer.Option(min=1, help="Of Algorithm 3.")] = (
        StudentSettings.steps
    ),
    batch: Annotated[int, typer.Option(min=2, help="Crops per step of Algorithm 3.")] = 8,
    crop: Annotated[tuple[int, int], typer.Option(metavar="H W", help="Those crops, pixels.")] = (
        256,
        384,
    ),
    learning_rate: Annotated[float, typer.Option(help="Of Algorithm 3, at the start.")] = 2e-3,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare crops.")] = 1,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    name: Annotated[str | None, typer.Option(help="The bundle's name; OUT's by default.")] = None,
    licence: Annotated[
        str, typer.Option(help="Of the bundle: weights learned from FRAMES inherit their terms.")
    ] = "unstated",
) -> None:
    """Fit a bundle to normal frames. No labels, no examples of anomalies.

    Goes in: a teacher, and frames like those the camera will see on a good day: some hundred at
    least, of all light and places, and nothing on the road that should raise an alarm.

    Comes out: OUT, the bundle that the node loads (manifest.json, three ONNX graphs, the banks),
    checked against PyTorch and calibrated on the frames that were held out.

    In between: memory (Algorithms 1 and 2), student (Algorithm 3; takes nearly all of the time),
    export, parity, calibration. OUT.fit keeps the progress: after Ctrl-C or a kill the same
    command goes on from there; afterwards it may be deleted.

    Example:

        python -m training fit drive.mcap --teacher runs/camvid/teacher.pt --out my_bundle

    Next: `ros2 launch cosme_ros detector.launch.py bundle:=$PWD/my_bundle`, or
    `python -m training evaluate my_bundle ...` where pictures with known anomalies are at hand.
    """
    from training.checkpoint import load_teacher
    from training.datasets.frames import open_frames
    from training.errors import Interrupted, UsageError
    from training.fit_settings import FitSettings
    from training.fitting import fit as run_fit

    try:
        checkpoint = load_teacher(teacher)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
    known = set(SUPERVISED_LAYERS)
    for option, value in (
        ("--layers", layers),
        ("--supervised-layers", supervised_layers),
        ("--evaluation-layers", evaluation_layers),
    ):
        if not _layers(value) or not set(_layers(value)) <= known:
            raise UsageError(f"{option} {value!r}; choose from {', '.join(SUPERVISED_LAYERS)}")
    settings = FitSettings(
        size=size,
        memory=MemorySettings(
            layers=_layers(layers),
            prototypes=prototypes,
            momentum=momentum,
            epochs=memory_epochs,
            seed=seed,
        ),
        student=StudentSettings(
            architecture=student or checkpoint.architecture,
            width=checkpoint.width if student_width is None else student_width,
            layers=_layers(supervised_layers),
            steps=student_steps,
            batch=batch,
            crop_height=crop[0],
            crop_width=crop[1],
            learning_rate=learning_rate,
            workers=workers,
            seed=seed,
        ),
        evaluation_layers=_layers(evaluation_layers),
        standardised=standardisation is Standardisation.CLASS,
        calibration_share=calibration_share,
        most_frames=max_frames,
    )
    try:
        manifest = run_fit(
            checkpoint,
            open_frames(frames, topic),
            settings,
            out,
            name=name or out.name,
            licence=licence,
            description=f"{Path(frames).name}, teacher trained on {checkpoint.trained_on}",
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"{out}.fit keeps what was done; the same command goes on from there"
        ) from None
    calibration = manifest["calibration"]
    lowest = calibration["table"][-1]["false_positive_rate"]
    typer.echo(
        f"{out}: calibrated on {calibration['frames']} frames, for false-positive rates down to "
        f"{lowest:g}; next, ros2 launch cosme_ros detector.launch.py bundle:={out.resolve()}"
    )
