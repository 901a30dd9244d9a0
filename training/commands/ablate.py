# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training ablate`."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands import options
from training.errors import Interrupted, UsageError


def ablate(
    bundle: options.BundleArgument,
    teacher: options.Teacher,
    data: Annotated[
        str,
        typer.Option(metavar="NAME=PATH", help="Data set with known anomalies, as for `evaluate`."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for ablation.md and ablation.json.")],
    layers: options.Layers = None,
    normalization: options.Normalization = None,
    classes: options.Classes = None,
    teacher_weights: options.Weights = None,
    fit_state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder in which `fit` kept its progress; without it, BUNDLE.fit if it exists.",
        ),
    ] = None,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    overwrite: options.OverwriteOption = False,
) -> None:
    """Measure what each layer adds: both halves of the paper's Table 4.

    Goes in: a bundle and its teacher, and a data set with labelled anomalies.

    Comes out: AP, AUROC and FPR95 of MulMem alone with C4, C5, LH and sets of them in the memory
    (upper half), and of CosMe with C4, C5, LH, O and sets of them compared between teacher and
    student (lower half), as a table and as JSON.

    Nothing is fitted anew. The memory is the bundle's, so a layer without a bank there has no
    row in the upper half: `fit` the bundle with the paper's three, its default. Of the student a
    bundle holds only the layers that it compares; the others are read from BUNDLE.fit, where
    `fit` keeps the student that it trained: do not delete it if you want this table. A row whose
    layer nobody learned is named as missing.

    The lower half is the bundle's own arithmetic: its memory, its power of AuxCon, its backward
    scores, its smoothing and its guided filter, with other layers compared. MulMem enters
    unstandardised in every row, also where the bundle standardises it.

    Example:

        python -m training ablate my_bundle --teacher teacher.pt \\
            --data fishyscapes_lost_and_found=/data/fishyscapes --out figures

    Next: `fit` with the --evaluation-layers of the best row, and judge them on other pictures
    than those they were chosen by.
    """
    from dataclasses import replace

    from cosme_ros.output_folder import prepare_output_dir
    from training.datasets.cropped import Cropped
    from training.datasets.registry import open_dataset
    from training.evaluation.ablation import LayerScores, ScoreArithmetic
    from training.evaluation.ablation import ablate as measure
    from training.evaluation.ablation_report import (
        JSON_FILE,
        MARKDOWN_FILE,
        ablation_tables,
        write_ablation,
    )
    from training.evaluation.frame_scores import FrameScorer
    from training.evaluation.provenance import provenance
    from training.export.manifest import input_size, read_manifest
    from training.fitting.state import read_student, state_folder
    from training.teachers.loading import open_teacher

    manifest = read_manifest(bundle)
    prepare_output_dir(out, (MARKDOWN_FILE, JSON_FILE), overwrite=overwrite)
    size = input_size(manifest)
    # As `fit` and `evaluate` do.
    dataset = open_dataset(data, options.orientation_of(image_rotation, image_flip))
    dataset = replace(dataset, source=Cropped(dataset.source, *size))
    checkpoint = open_teacher(
        teacher,
        sizes=(size,),
        layers=layers,
        normalization=normalization,
        classes=classes,
        weights=teacher_weights,
    )
    scorer = FrameScorer(bundle, checkpoint, ("score",))
    if fit_state is not None and not fit_state.is_dir():
        raise UsageError(f"--fit-state {fit_state} is no folder")
    trained = read_student(fit_state or state_folder(bundle), checkpoint.network)
    origin = provenance(
        bundle,
        seed=0,
        teacher=teacher,
        student="the bundle's" if trained is None else "as fit kept it",
    )

    scores = LayerScores(scorer, trained, ScoreArithmetic.of(manifest))
    try:
        ablation = measure(dataset, scores)
    except KeyboardInterrupt:
        raise Interrupted("nothing was written; the same command starts anew") from None
    write_ablation(out, dataset, ablation, origin)
    typer.echo("\n".join(ablation_tables(dataset, ablation)))
