"""`python -m training demo`."""

import os
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder that gets bundle/ and bag/.")] = Path("demo"),
    work: Annotated[
        Path, typer.Option(help="Frames, checkpoints and progress; may be deleted afterwards.")
    ] = Path("demo_work"),
    seed: Annotated[int, typer.Option(help="Of weights and every random choice.")] = 0,
    frames: Annotated[int, typer.Option(min=20, help="Normal frames to train on.")] = 3200,
    teacher_steps: Annotated[int, typer.Option(min=1, help="Of teacher training.")] = 7000,
    student_steps: Annotated[int, typer.Option(min=1, help="Of student training.")] = 2500,
    bag_only: Annotated[
        bool, typer.Option("--bag-only", help="Write the bag, leave the bundle as it is.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that prepare data.")] = 1,
) -> None:
    """Make the demo bundle and the demo bag again, from synthetic streets alone.

    Paints drives down eight roads, trains a small teacher on their labels, fits memory and
    student to the frames without labels, and drives further along the same roads, some with
    things on them that occur nowhere in training, into a bag.

    Takes an hour and a half on two CPU cores; the same command goes on after Ctrl-C or a kill.

    Example:

        python -m training demo --out demo

    Next: `make demo` plays the bag into the detector.
    """
    import tqdm

    from training.bag_writer import write_bag
    from training.checkpoint import load_teacher
    from training.datasets.folder import ImageFolder, LabelledFolder
    from training.datasets.synthetic_streets import SYNTHETIC
    from training.demo import (
        ARCHITECTURE,
        CHANNEL_WIDTH,
        DRIVE,
        JPEG_QUALITY,
        RATE_HZ,
        drive_frames,
        fit_settings,
        render_streets,
        teacher_settings,
    )
    from training.errors import Interrupted
    from training.fitting import fit
    from training.teacher_training import TEACHER_FILE, TeacherTraining

    try:
        write_bag(
            out / "bag",
            drive_frames(DRIVE),
            rate=RATE_HZ,
            quality=JPEG_QUALITY,
            overwrite=True,
        )
        if bag_only:
            return
        streets = work / "streets"
        render_streets(streets, frames, jobs=os.cpu_count() or 1)
        training = TeacherTraining(
            teacher_settings(teacher_steps, seed),
            LabelledFolder(streets, SYNTHETIC.label_map),
            SYNTHETIC.classes,
            work / "teacher",
            workers=workers,
        )
        with tqdm.tqdm(
            total=teacher_steps, initial=training.step, unit="step", desc="teacher"
        ) as bar:

            def show(loss: float, rate: float) -> None:
                bar.set_postfix(loss=f"{loss:.3f}", rate=f"{rate:.1e}", refresh=False)
                bar.update()

            training.run(
                save_every=100,
                validate=lambda network: None,
                validate_every=teacher_steps,
                on_step=show,
            )
        fit(
            load_teacher(work / "teacher" / TEACHER_FILE),
            ImageFolder(streets / "images"),
            fit_settings(student_steps, seed, workers),
            out / "bundle",
            name="demo",
            licence="Apache-2.0",
            description="synthetic streets: eight roads, each by one light and weather",
        )
    except KeyboardInterrupt:
        raise Interrupted(f"{work} keeps what was done; the same command goes on") from None
    typer.echo(
        f"{out / 'bundle'} ({ARCHITECTURE}, width {CHANNEL_WIDTH}) and {out / 'bag'}: "
        "next, make demo"
    )
