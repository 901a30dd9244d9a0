# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands import options
from training.errors import Interrupted, UsageError

ALL = "all"


def _refuse_crop(value: bool | None) -> None:
    if value is not None:
        raise typer.BadParameter(
            "it is now --cut or --no-cut here: --crop is the size of a training window, of "
            "`teacher` and `fit`"
        )


def evaluate(
    bundle: options.BundleArgument,
    data: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=PATH",
            help="Data set with known anomalies; repeat it for several. `python -m training "
            "datasets` lists the names; a folder of your own is folder=PATH?0:0,1:1, where "
            "VALUE:ID says which label value is 0 normal, 1 anomaly, 255 not judged.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for tables, curves and pictures.")],
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|MODULE:FUNCTION",
            help="The teacher that the bundle was fitted to, as `fit` was told; without it, only "
            "the bundle's own three scores are measured.",
        ),
    ] = None,
    layers: options.Layers = None,
    normalization: options.Normalization = None,
    classes: options.Classes = None,
    teacher_weights: options.Weights = None,
    cut: Annotated[
        bool,
        typer.Option(
            "--cut/--no-cut",
            help="Cut pictures and labels to the network input's ratio of sides, as `fit` does; "
            "or squash them, as the node does with frames of another ratio.",
        ),
    ] = True,
    crop: Annotated[
        bool | None,
        typer.Option("--crop/--no-crop", hidden=True, callback=_refuse_crop),
    ] = None,
    methods: Annotated[
        str, typer.Option(metavar="A,B,...", help="Which methods, in any order.")
    ] = ALL,
    normal: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES",
            help="Normal frames for the baselines that learn from some (knn and "
            "others): a folder of pictures, a rosbag2 or synthetic:SEED; best those of `fit`.",
        ),
    ] = None,
    normal_frames: Annotated[
        int, typer.Option(min=1, help="Use at most this many of them, evenly spread.")
    ] = 200,
    image_rotation: options.ImageRotation = 0,
    image_flip: options.ImageFlip = "none",
    pictures: Annotated[
        int,
        typer.Option(min=0, help="Draw this many worst false alarms and misses of a data set."),
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of dropout and of random samples.")] = 0,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Compare a bundle with baselines on pictures whose anomalies are known.

    Goes in: a bundle, its teacher (for the baselines: the bundle has no logits), and data sets
    with labelled anomalies.

    Comes out: in OUT, evaluation.md and evaluation.json with AP, AUROC and FPR95 over the pixels
    of each set, AP and FPR95 with its small things alone and its large ones alone, sIoU, PPV and
    mean F1 over its components as SegmentMeIfYouCan defines them, and the paper's rows where the
    set is the paper's; for each set a folder with roc.png, pr.png and
    the frames that CosMe (or the last method) judges worst. All of them name the command, the
    commit, the bundle's hash and the seed.

    Methods: msp (maximum softmax probability), entropy, maxlogit, energy, sml (standardized max
    logit), dropout (Monte-Carlo), knn, gaussian and mindensity (embedding densities), mulmem,
    auxcon, score (CosMe), and others of training/baselines/registry.py: an unknown name lists all.
    The formula and source of each stand in training/baselines/.

    A picture of another ratio of sides than the network input's is cut to that, as `fit` cuts its
    frames; what is cut away is not judged, and the command says how much it is. --no-cut keeps
    it whole and squashes it, as the node does. The bundle's graphs run in ONNX
    Runtime on the CPU, the teacher on a GPU where there is one. While a set is measured its score
    maps lie in OUT: four bytes a place of every map, about 1 MB a frame and three times that with
    sml.
    Ctrl-C keeps the sets that are done and removes the maps; after a kill, delete OUT/.scores_*.

    Example:

        python -m training evaluate my_bundle --teacher teacher.pt --normal drive.mcap \\
            --data road_anomaly=/data/road_anomaly --out figures

    Next: choose nothing by these figures that you report on the same pictures; `python -m
    training ablate` shows what each layer adds.
    """
    from dataclasses import replace

    from cosme_ros.output_folder import prepare_output_dir
    from training.datasets.cropped import Cropped
    from training.datasets.opening import cut_sentence, open_frames
    from training.datasets.registry import open_dataset
    from training.evaluation.curve_plots import draw_curves
    from training.evaluation.dataset_figures import ScoreStore, measure_dataset
    from training.evaluation.frame_scores import TITLES, FrameScorer
    from training.evaluation.provenance import provenance
    from training.evaluation.report import (
        JSON_FILE,
        MARKDOWN_FILE,
        Evaluation,
        dataset_table,
        skipped_lines,
        write_report,
    )
    from training.evaluation.worst_frames import draw_worst_frames
    from training.export.manifest import input_size, read_manifest
    from training.teachers.loading import open_teacher

    size = input_size(read_manifest(bundle))
    orientation = options.orientation_of(image_rotation, image_flip)
    datasets = [open_dataset(text, orientation) for text in data]
    folders = numbered([dataset.name for dataset in datasets])
    contents = (MARKDOWN_FILE, JSON_FILE, ".scores_*", *folders)
    prepare_output_dir(out, contents, overwrite=overwrite)
    if cut:
        for dataset in datasets:
            if len(dataset.source) and (sentence := cut_sentence(dataset.source[0][0], *size)):
                typer.echo(f"{dataset.name}: {sentence}; --no-cut squashes them instead")
        datasets = [replace(d, source=Cropped(d.source, *size)) for d in datasets]
    checkpoint = None
    if teacher is not None:
        checkpoint = open_teacher(
            teacher,
            sizes=(size,),
            layers=layers,
            normalization=normalization,
            classes=classes,
            weights=teacher_weights,
        )
    scorer = FrameScorer(
        bundle,
        checkpoint,
        tuple(TITLES) if methods == ALL else [m.strip() for m in methods.split(",") if m.strip()],
        normal=None if normal is None else open_frames(normal, orientation=orientation),
        seed=seed,
        most_normal_frames=normal_frames,
    )
    for line in skipped_lines(scorer.skipped):
        typer.echo(line)
    if not scorer.methods:
        raise UsageError(f"--methods {methods!r} leaves nothing to measure")
    origin = provenance(
        bundle,
        seed,
        teacher=teacher or "none",
        normal=f"{normal or 'none'}, {scorer.normal_frames} frames",
    )
    evaluation = Evaluation(origin, scorer.skipped, [])

    try:
        scorer.learn()
        for dataset, name in zip(datasets, folders, strict=True):
            with ScoreStore(out) as store:
                figures = measure_dataset(dataset, scorer, store)
                evaluation.results.append((dataset, figures))
                write_report(out, evaluation)
                typer.echo("\n" + "\n".join(dataset_table(dataset, figures)) + "\n")
                folder = out / name
                draw_curves(folder, dataset.title, figures, origin)
                shown = scorer.methods[-1]
                draw_worst_frames(folder, dataset, figures, shown, store, pictures, origin)
    except KeyboardInterrupt:
        done = ", ".join(folders[: len(evaluation.results)]) or "nothing"
        raise Interrupted(f"{out} holds what was done: {done}") from None
    typer.echo(f"{out}: evaluation.md, evaluation.json, and curves and pictures of each set")


def numbered(names: list[str]) -> list[str]:
    """Make equal names differ: the second a becomes a_2."""
    return [
        name if names[:place].count(name) == 0 else f"{name}_{names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]
