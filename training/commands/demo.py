# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training demo`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from training.commands import options
from training.errors import Interrupted

FRAMES = 4800
TEACHER_STEPS = 2000


def demo(
    out: Annotated[Path, typer.Option(help="Folder that gets bundle/ and bag/.")] = Path("demo"),
    work: Annotated[
        Path, typer.Option(help="Frames, checkpoints and progress; may be deleted afterwards.")
    ] = Path("demo_work"),
    seed: Annotated[int, typer.Option(help="Of weights and every random choice.")] = 0,
    frames: Annotated[int, typer.Option(min=20, help="Normal frames to train on.")] = FRAMES,
    teacher_steps: Annotated[int, typer.Option(min=1, help="Of teacher training.")] = TEACHER_STEPS,
    bag_only: Annotated[
        bool, typer.Option("--bag-only", help="Write the bag, leave the bundle as it is.")
    ] = False,
    drive_seed: Annotated[
        int,
        typer.Option(
            min=0, help="Which drive goes into the bag; each has roads of its own. 0: the demo's."
        ),
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that prepare data.")] = 1,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Make the demo bundle and the demo bag again, from synthetic streets alone.

    Paints drives down 300 roads, trains a teacher that starts from ImageNet weights on their
    labels, fits memory and student to the frames without labels. The bag is a drive of six
    scenes on other roads; four of
    them have things on the road that occur nowhere in training. How the scenes are chosen stands
    in training/demo/drive.py; `--bag-only --drive-seed 1 --out other` makes a drive of other roads
    by the same rule, to test on.

    Takes about an hour on two CPU cores; the same command goes on after Ctrl-C or a kill.

    Example:

        python -m training demo --out demo --overwrite

    Next: `make demo` plays the bag into the detector.
    """
    from cosme_ros.output_folder import BAG_CONTENTS, BUNDLE_CONTENTS, check_output_dir
    from training.bag_writer import write_bag
    from training.datasets.readers.folder import ImageFolder, LabelledFolder
    from training.datasets.synthetic_streets import SYNTHETIC_CLASSES
    from training.demo.drive import BAG_QUALITY, RATE_HZ, drive_frames, plan_drive
    from training.demo.recipe import (
        ARCHITECTURE,
        HEAD_WIDTH,
        fit_settings,
        render_streets,
        teacher_settings,
    )
    from training.fitting.fit import fit
    from training.segmentation.trainer import TEACHER_FILE, TeacherTraining
    from training.teachers.checkpoint import load_teacher

    replaces = overwrite or (work.is_dir() and not bag_only)  # `work`: an unfinished run
    check_output_dir(out / "bag", BAG_CONTENTS, overwrite=replaces)
    if not bag_only:
        check_output_dir(out / "bundle", BUNDLE_CONTENTS, overwrite=replaces)
    try:
        write_bag(
            out / "bag",
            drive_frames(plan_drive(drive_seed)),
            rate=RATE_HZ,
            quality=BAG_QUALITY,
            overwrite=True,
        )
        if bag_only:
            size = sum(file.stat().st_size for file in (out / "bag").iterdir())
            typer.echo(f"{out / 'bag'}: {size / 1e6:.1f} MB")
            return
        streets = work / "streets"
        render_streets(streets, frames, jobs=os.cpu_count() or 1)
        training = TeacherTraining(
            teacher_settings(teacher_steps, seed),
            LabelledFolder(streets, SYNTHETIC_CLASSES.label_map),
            SYNTHETIC_CLASSES.classes,
            work / "teacher",
            workers=workers,
        )
        training.run(save_every=100)
        fit(
            load_teacher(work / "teacher" / TEACHER_FILE),
            ImageFolder(streets / "images"),
            fit_settings(seed),
            out / "bundle",
            name="demo",
            licence="Apache-2.0",
            description="synthetic streets: 300 roads in all weathers, one camera",
        )
    except KeyboardInterrupt:
        raise Interrupted(f"{work} keeps what was done; the same command goes on") from None
    typer.echo(
        f"{out / 'bundle'} ({ARCHITECTURE}, head {HEAD_WIDTH}) and {out / 'bag'}: next, make demo"
    )
