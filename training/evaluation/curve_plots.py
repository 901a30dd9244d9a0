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
    precision_figure, precision = _axes(f"Precision and recall: {title}", "recall", "precision")
    for method, found in figures.methods.items():
        pixels, curve, name = found.pixels, found.curve, TITLES[method]
        auroc, average_precision = 100 * pixels.auroc, 100 * pixels.average_precision
        line = _line(method)
        roc.plot(curve.false_rate, curve.recall, label=f"{name}, AUROC {auroc:.1f}", **line)
        label = f"{name}, AP {average_precision:.1f}"
        precision.plot(curve.recall, curve.precision, label=label, **line)
    roc.axhline(0.95, color="grey", linewidth=0.7, linestyle=":")
    paths = {folder / ROC_FILE: roc_figure, folder / PRECISION_RECALL_FILE: precision_figure}
    for path, figure in paths.items():
        figure.axes[0].legend(fontsize=8)
        figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=origin)
    return list(paths)


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
