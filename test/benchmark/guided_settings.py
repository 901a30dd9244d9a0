# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which guided filter, and whether a Gaussian before it: measured on labelled pictures.

The bundle's own graphs give MulMem, AuxCon and the guide; what follows them is tried in all ways.
Each cell: AP / FPR95 / FPR95 of the pixels of small things, below SMALL of the picture each, in
percent, pooled over every STEP-th row and column. Choose on two sets from different worlds
(docs/method.md).

Example:

    PYTHONPATH=. python test/benchmark/guided_settings.py --bundle my_bundle \
        --data "first 30=road_anomaly=/data/road_anomaly@0:30" \
        --data "composited=composited:0:camvid=/data/camvid:test@::4"
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from score_parts import parse_data

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.labels import to_size
from training.export.graph_runner import GraphRunner
from training.export.manifest import read_manifest
from training.layers import GUIDE, LAST_HIDDEN
from training.method.guided_filter import guided
from training.method.guided_settings import GuidedFilter
from training.method.tensor_ops import smoothed

SMALL = 0.002
"""Share of the picture."""

STEP = 3
"""Of the rows and columns that are judged: neighbours say the same."""

_BINS = 1 << 16
_NOT_JUDGED = 255

Variant = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of the score float32 [1, 1, h, w] and the guide float32 [1, 3, h, w]: another score."""


def variants(
    radii: Sequence[float], epsilons: Sequence[float], smoothings: Sequence[float], stride: int
) -> dict[str, Variant]:
    """Return the rows of the table by name.

    Args:
        radii: in pixels of the network input.
        epsilons: of colours in 0..1.
        smoothings: standard deviations in pixels of the network input; 0 for none.
        stride: of `lh`.
    """

    def variant(smoothing: float, settings: GuidedFilter | None) -> Variant:
        def apply(score: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
            if smoothing > 0:
                score = smoothed(score, smoothing / stride)
            return score if settings is None else guided(score, guide, *settings.places(stride))

        return apply

    rows = {f"smoothed by {s:g} alone": variant(s, None) for s in smoothings}
    rows |= {
        f"smoothed by {s:g}, radius {r:g}, epsilon {e:g}": variant(s, GuidedFilter(r, e))
        for s in smoothings
        for r in radii
        for e in epsilons
    }
    return rows


def only_small(label: np.ndarray) -> np.ndarray:
    """Return the label with larger things not judged.

    Args:
        label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.
    """
    count, things, stats, _ = cv2.connectedComponentsWithStats((label == 1).astype(np.uint8))
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= SMALL * label.size)
    result = label.copy()
    result[np.isin(things, large[large > 0]) & (count > 1)] = _NOT_JUDGED
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True, help="fitted with --guided")
    parser.add_argument("--data", type=parse_data, action="append", required=True)
    parser.add_argument("--radii", type=float, nargs="+", default=[16, 24, 32], help="pixels")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1e-5, 3e-5, 1e-4, 1e-3])
    parser.add_argument("--smoothings", type=float, nargs="+", default=[0, 8], help="pixels")
    parser.add_argument(
        "--map",
        default="score",
        choices=["score", "mulmem", "auxcon"],
        help="which of the bundle's maps is filtered",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    manifest = read_manifest(options.bundle)
    size = (manifest["input_size"]["height"], manifest["input_size"]["width"])
    stride = manifest["teacher"]["strides"][LAST_HIDDEN]
    rows = variants(options.radii, options.epsilons, options.smoothings, stride)
    runner = GraphRunner(options.bundle)
    cells: dict[str, list[str]] = {name: [] for name in rows}
    for data in options.data:
        figures = {name: (AnomalyHistogram(_BINS), AnomalyHistogram(_BINS)) for name in rows}
        for image, label in data.labelled(size):
            found = runner.run(image)
            found["score"] = found["mulmem"] * found["auxcon"]
            score = torch.from_numpy(found[options.map])
            guide = torch.from_numpy(found[GUIDE])
            small = only_small(label)
            for name, row in rows.items():
                large = to_size(row(score, guide)[0, 0].numpy(), label.shape)
                for histogram, truth in zip(figures[name], (label, small), strict=True):
                    histogram.add(large[::STEP, ::STEP], truth[::STEP, ::STEP])
        for name, (everything, small_things) in figures.items():
            result = everything.result()
            rate = (
                f"{100 * small_things.result().fpr95:.1f}" if all(small_things.pixels) else "none"
            )
            cells[name].append(
                f"{100 * result.average_precision:.1f} / {100 * result.fpr95:.1f} / {rate}"
            )
    print(f"| | {' | '.join(data.title for data in options.data)} |")
    print("|---" * (1 + len(options.data)) + "|")
    for name, row_cells in cells.items():
        print(f"| {name} | {' | '.join(row_cells)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
