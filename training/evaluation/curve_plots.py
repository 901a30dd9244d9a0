# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ROC and precision-recall curves as pictures."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation.dataset_figures import DatasetFigures
from training.evaluation.frame_scores import BUNDLE_MAPS, TITLES

ROC_FILE = "roc.png"
PRECISION_RECALL_FILE = "pr.png"
_SIZE_INCHES = (7.0, 5.5)
_DOTS_PER_INCH = 110


def draw_curves(
    folder: Path, title: str, figures: DatasetFigures, origin: dict[str, str]
) -> list[Path]:
    """Write ROC_FILE and PRECISION_RECALL_FILE to `folder`, `origin` in their metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    roc_figure, roc = _axes(f"ROC: {title}", "false-positive rate", "true-positive rate")
    for method, of_method in figures.methods.items():
        label = f"{TITLES[method]}, AUROC {100 * of_method.pixels.auroc:.1f}"
        roc.plot(of_method.curve.false_rate, of_method.curve.recall, label=label, **_line(method))
    roc.axhline(0.95, color="grey", linewidth=0.7, linestyle=":")
    roc.legend(fontsize=8)
    precision_figure, precision = _axes(f"Precision and recall: {title}", "recall", "precision")
    for method, of_method in figures.methods.items():
        label = f"{TITLES[method]}, AP {100 * of_method.pixels.average_precision:.1f}"
        curve = of_method.curve
        precision.plot(curve.recall, curve.precision, label=label, **_line(method))
    precision.legend(fontsize=8)
    written = []
    for figure, file in ((roc_figure, ROC_FILE), (precision_figure, PRECISION_RECALL_FILE)):
        figure.savefig(folder / file, dpi=_DOTS_PER_INCH, metadata=origin)
        written.append(folder / file)
    return written


def _axes(title: str, horizontal: str, vertical: str) -> tuple[Figure, Axes]:
    # Without pyplot: no backend to choose, no window, nothing to close.
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=horizontal, ylabel=vertical, xlim=(0, 1), ylim=(0, 1))
    axes.grid(linewidth=0.3)
    return figure, axes


def _line(method: str) -> dict[str, Any]:
    own = method in BUNDLE_MAPS
    return {"linewidth": 2.0 if own else 1.0, "linestyle": "-" if own else "--"}
