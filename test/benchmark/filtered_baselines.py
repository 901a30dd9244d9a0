# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""All methods over several seeds, each without and with the guided filter of CosMe's score.

The filter is CosMe's last step, and the other methods are published without it. This command gives
it to each of them, so that a difference can be put down to the score. A filtered row: the method's
map on the grid of `lh`, filtered by the picture on that grid with the radius and the epsilon of the
bundle. The bundle's own score is filtered already, in the graph.

Figures are AP / FPR95 in percent, pooled over every STEP-th row and column, mean and standard
deviation over the runs. What OUT holds of a run (a bundle, its teacher) is not measured again.

Example:

    PYTHONPATH=. python test/benchmark/filtered_baselines.py --out /tmp/filtered \
        --run bundle0 teacher0.pt --run bundle1 teacher1.pt --normal camvid=/data/camvid:train \
        --data "Road Anomaly=road_anomaly=/data/road_anomaly" \
        --data "composited=composited:0:camvid=/data/camvid:test"
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from score_parts import DataSpelling, parse_data

from cosme_ros.metrics.labels import to_size
from training.datasets.opening import open_frames
from training.evaluation.frame_scores import TITLES, FrameScorer
from training.evaluation.thing_sizes import Size, SizedHistogram, split_by_size
from training.export.manifest import read_manifest
from training.layers import LAST_HIDDEN
from training.method.guided_filter import guided
from training.method.guided_settings import GuidedFilter
from training.teachers.loading import open_teacher

STEP = 3
"""Of the rows and columns that are judged: neighbours say the same."""

OWN_SCORE = "score"
KINDS = ("all", *(size.value for size in Size), "filtered")
"""Columns of a data set: all pixels, those of small and of large things, all with the filter."""

Figures = dict[str, dict[str, dict[str, float] | None]]
"""Of a data set: method to column to AP and FPR95 as shares of 0..1; None where there are none."""


def follow_edges(
    score: np.ndarray, picture: np.ndarray, grid: tuple[int, int], radius: int, epsilon: float
) -> np.ndarray:
    """Return a method's map filtered by the picture.

    The map itself is filtered, not its root: of baselines some are negative, and none is a product
    of squares.

    Args:
        score: float32 [h, w] at the method's own stride.
        picture: uint8 [H, W, 3] BGR.
        grid: height and width of `lh`.
        radius: in places of `lh`.
        epsilon: of the filter.

    Returns:
        float32 [height, width] of the grid.
    """
    small = cv2.resize(picture, grid[::-1], interpolation=cv2.INTER_AREA)
    guide = torch.from_numpy(small[:, :, ::-1].astype(np.float32) / 255).permute(2, 0, 1)[None]
    on_grid = torch.from_numpy(to_size(score, grid))[None, None]
    # `guided` filters the root of what it is given, and is linear in that root.
    least = on_grid.min()
    filtered = guided((on_grid - least).square(), guide, radius, epsilon).sqrt() + least
    result: np.ndarray = filtered[0, 0].numpy()
    return result


def measure(data: DataSpelling, scorer: FrameScorer, manifest: Mapping[str, Any]) -> Figures:
    """Return the figures of every method on one data set."""
    stride = manifest["teacher"]["strides"][LAST_HIDDEN]
    radius, epsilon = GuidedFilter(**manifest["method"]["guided"]).places(stride)
    grid = (scorer.input_size[0] // stride, scorer.input_size[1] // stride)
    plain = {method: SizedHistogram() for method in scorer.methods}
    filtered = {method: SizedHistogram() for method in scorer.methods if method != OWN_SCORE}
    for image, label in data.labelled(scorer.input_size):
        judged = label[::STEP, ::STEP]
        masks = {size: mask[::STEP, ::STEP] for size, (mask, _) in split_by_size(label).items()}
        for method, score in scorer.maps(image).items():
            large = to_size(score, label.shape)
            plain[method].add(large[::STEP, ::STEP], judged, masks)
            if method in filtered:
                of_edges = follow_edges(score, image, grid, radius, epsilon)
                large = to_size(of_edges, label.shape)
                filtered[method].add(large[::STEP, ::STEP], judged, masks)
    results: Figures = {}
    for method, histogram in plain.items():
        metrics = {"all": histogram.all().result()}
        metrics |= {size.value: histogram.of_size(size) for size in Size}
        if method in filtered:
            metrics["filtered"] = filtered[method].all().result()
        results[method] = {
            kind: None
            if of_kind is None
            else {key: asdict(of_kind)[key] for key in ("average_precision", "fpr95")}
            for kind, of_kind in metrics.items()
        }
    return results


def as_table(runs: Sequence[Figures]) -> str:
    """Return the mean and deviation over the runs of one data set; Markdown."""
    lines = [f"| | {' | '.join(KINDS)} |", "|---" * (1 + len(KINDS)) + "|"]
    for method in runs[0]:
        cells = [_cell([run[method].get(kind) for run in runs]) for kind in KINDS]
        lines.append(f"| {TITLES[method]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figures: Sequence[Mapping[str, float] | None]) -> str:
    known = [f for f in figures if f is not None]
    if not known:
        return "-"
    cells = []
    for key in ("average_precision", "fpr95"):
        shares = [100 * of_run[key] for of_run in known]
        cells.append(f"{np.mean(shares):.1f} ± {np.std(shares):.1f}")
    return " / ".join(cells)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--run", nargs=2, action="append", required=True, metavar=("BUNDLE", "TEACHER")
    )
    parser.add_argument("--normal", help="frames for methods that learn from some")
    parser.add_argument("--normal-frames", type=int, default=100)
    parser.add_argument("--data", type=parse_data, action="append", required=True)
    parser.add_argument("--methods", default=",".join(TITLES))
    parser.add_argument("--layers", help="of a teacher that is a module, as in `fit`")
    parser.add_argument("--classes")
    parser.add_argument("--normalization")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    runs = [_run(Path(bundle), teacher, options) for bundle, teacher in options.run]
    for data in options.data:
        print(f"\n{data.title}\n\n{as_table([run[data.title] for run in runs])}")
    return 0


def _run(bundle: Path, teacher: str, options: argparse.Namespace) -> dict[str, Figures]:
    path: Path = options.out / f"{bundle.name}.json"
    figures: dict[str, Figures] = {}
    if path.exists():
        figures = json.loads(path.read_text(encoding="utf-8"))
    missing = [data for data in options.data if data.title not in figures]
    if not missing:
        return figures
    manifest = read_manifest(bundle)
    size = (manifest["input_size"]["height"], manifest["input_size"]["width"])
    scorer = FrameScorer(
        bundle,
        open_teacher(
            teacher,
            sizes=(size,),
            layers=options.layers,
            normalization=options.normalization,
            classes=options.classes,
        ),
        options.methods.split(","),
        normal=None if options.normal is None else open_frames(options.normal),
        seed=manifest["fitted_on"]["seed"],
        most_normal_frames=options.normal_frames,
    )
    scorer.learn()
    path.parent.mkdir(parents=True, exist_ok=True)
    for data in missing:
        figures[data.title] = measure(data, scorer, manifest)
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
