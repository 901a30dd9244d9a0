# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Drawings as SVG text, for a page to hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cosme_ros.evaluation.gallery import ALARM, FALSE_ALARM, HIGHEST, LAPSE, MISS
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacle
from cosme_ros.evaluation.score_distribution import Exceedance, ScoreDistribution
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics, Curve

# Okabe and Ito's palette, distinguishable for the colour-blind (https://jfly.uni-koeln.de/color).
_BLUE, _ORANGE, _VERMILLION, _GREEN, _GREY = "#0072b2", "#e69f00", "#d55e00", "#009e73", "#6b7682"
_INK = "#33414f"
_ON_A_PAGE = {
    **dict.fromkeys(("#000000", _INK), "var(--ink, #1d2733)"),
    **dict.fromkeys(("#b0b0b0", "#cccccc"), "var(--line, #b0b0b0)"),
    "#ffffff": "var(--card, #ffffff)",
    _BLUE: f"var(--blue, {_BLUE})",
}
"""Colours that the page chooses, light or dark; without a page the second one holds."""
_MARKERS = {
    MISS: ("v", _VERMILLION),
    LAPSE: ("^", _GREEN),
    FALSE_ALARM: ("X", _ORANGE),
    ALARM: ("o", _BLUE),
    HIGHEST: ("D", _GREY),
}
_LOWEST_PEAK = 0.03  # alarm lines; what is below is drawn there
_MOST_POINTS = 3000  # of a line: more than a page has pixels across


@dataclass(frozen=True)
class Mark:
    """A frame of a timeline that has a picture."""

    kind: str
    second: float
    peak: float
    anchor: str


def timeline(
    name: str,
    seconds: Sequence[float],
    peaks: Sequence[float],
    shown: Sequence[bool | None],
    marks: Sequence[Mark],
) -> str:
    """Draw the peak score over time, the alarm line, labelled anomalies, and marks that link.

    Args:
        name: unique in the page.
        seconds: from the first frame.
        peaks: in alarm lines.
        shown: whether a frame shows a labelled anomaly; None where it has no label.
        marks: of frames with a picture.
    """
    figure, axes = _axes((11.2, 2.9))
    at = np.asarray(seconds, np.float64)
    labelled = [flag is not None for flag in shown]
    for flags, colour, label in (
        ([bool(flag) for flag in shown], _GREEN, "anomaly labelled"),
        ([any(labelled) and not here for here in labelled], _GREY, "no label"),
    ):
        spans = _spans(at, flags)
        if spans:
            axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), color=colour,
                             alpha=0.22, linewidth=0, label=label)  # fmt: skip
    axes.plot(*_thinned(at, np.maximum(peaks, _LOWEST_PEAK)), color=_INK, linewidth=0.9,
              label="peak score")  # fmt: skip
    axes.axhline(1.0, color=_VERMILLION, linewidth=1.2, linestyle="--", label="alarm line")
    for kind, (marker, colour) in _MARKERS.items():
        of_kind = [mark for mark in marks if mark.kind == kind]
        if of_kind:
            points = axes.scatter(
                [mark.second for mark in of_kind],
                [max(mark.peak, _LOWEST_PEAK) for mark in of_kind],
                s=52, marker=marker, color=colour, edgecolor="white", zorder=3, label=kind,
            )  # fmt: skip
            points.set_urls([f"#{mark.anchor}" for mark in of_kind])
    axes.set(yscale="log", xlabel="seconds", ylabel="alarm lines")
    axes.set_ylim(_LOWEST_PEAK * 0.9, 1.3 * max(2.0, *peaks))
    axes.set_xlim(at[0], max(at[-1], at[0] + 1e-3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    # Above the axes, in words that matplotlib 3.5 (Ubuntu 22.04) knows too.
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
        ncol=8,
        fontsize=8,
        frameon=False,
    )
    return _labelled(_svg(figure, f"timeline {name}"), marks)


def _labelled(drawing: str, marks: Sequence[Mark]) -> str:
    """Name the links for a screen reader, and let them stay in the page."""
    drawing = drawing.replace(' target="_blank"', "")
    for mark in marks:
        label = f'aria-label="{mark.kind} at {mark.second:.1f} s, peak {mark.peak:.2f}"'
        link = f'xlink:href="#{mark.anchor}"'
        drawing = drawing.replace(link, f"{link} {label}")
    return drawing


def curves(metrics: AnomalyMetrics, curve: Curve) -> tuple[str, str]:
    """Draw ROC, and precision over recall."""
    roc_figure, roc = _axes((4.4, 3.6))
    roc.plot(curve.false_rate, curve.recall, color=_BLUE, linewidth=2)
    roc.axhline(0.95, color=_GREY, linewidth=0.8, linestyle=":")
    roc.set(xlabel="false-positive rate", ylabel="recall")
    roc.set_title(f"ROC: AUROC {metrics.auroc:.3f}", fontsize=10)
    precision_figure, precision = _axes((4.4, 3.6))
    precision.plot(curve.recall, curve.precision, color=_BLUE, linewidth=2)
    precision.set(xlabel="recall", ylabel="precision")
    title = f"Precision and recall: AP {metrics.average_precision:.3f}"
    precision.set_title(title, fontsize=10)
    for axes in (roc, precision):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return _svg(roc_figure, "roc"), _svg(precision_figure, "precision")


def first_detections(obstacles: Sequence[LabelledObstacle]) -> str:
    """Draw the share of labelled obstacles found within so many frames of appearing."""
    figure, axes = _axes((4.4, 3.2))
    after = sorted(o.found_after for o in obstacles if o.found_after is not None)
    most = max([*after, 1])
    frames = np.arange(most + 1)
    found = np.searchsorted(after, frames, side="right") / len(obstacles)
    axes.step(frames, found, where="post", color=_BLUE, linewidth=2)
    axes.fill_between(frames, found, step="post", color=_BLUE, alpha=0.12)
    axes.set(xlabel="frames after it appears", ylabel="share of obstacles found", ylim=(0, 1.02),
             xlim=(0, most))  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(figure, "first detections")


def score_distribution(scores: ScoreDistribution, alarm_threshold: float) -> str:
    """Draw the histogram of the grid's scores; the axis in alarm lines."""
    figure, axes = _axes((4.4, 3.6))
    share = scores.counts / scores.counts.sum()
    axes.stairs(share, scores.edges / alarm_threshold, fill=True, color=_BLUE, alpha=0.5)
    axes.axvline(1.0, color=_VERMILLION, linewidth=1.2, linestyle="--", label="alarm line")
    held = np.flatnonzero(scores.counts)
    low, high = scores.edges[held[0]], scores.edges[held[-1] + 1]
    axes.set(xscale="log", yscale="log", xlabel="score, in alarm lines", ylabel="share of places")
    axes.set_xlim(low / alarm_threshold, max(high / alarm_threshold, 1.3))
    axes.legend(fontsize=8)
    return _svg(figure, "scores")


def calibrated_and_observed(rows: Sequence[Exceedance], chosen_rate: float) -> str:
    """Return a plot of the calibration's rates against those seen; they agree on the diagonal."""
    figure, axes = _axes((4.4, 3.6))
    calibrated = [row.promised_rate for row in rows]
    ends = (min(calibrated) / 2, max(calibrated) * 2)
    axes.plot(ends, ends, color=_GREY, linewidth=0.8, label="as calibrated")
    lowest = ends[0] / 10
    axes.plot(calibrated, [max(row.observed, lowest) for row in rows], "o-", color=_BLUE,
              label="all frames")  # fmt: skip
    if any(row.observed_normal is not None for row in rows):
        normal = [max(row.observed_normal or 0.0, lowest) for row in rows]
        axes.plot(calibrated, normal, "s--", color=_GREEN, label="frames with nothing wrong")
    axes.axvline(chosen_rate, color=_VERMILLION, linewidth=1.2, linestyle="--", label="alarm line")
    axes.set(xscale="log", yscale="log", xlabel="calibrated share of places",
             ylabel="share observed")  # fmt: skip
    axes.legend(fontsize=8)
    return _svg(figure, "calibration")


def latencies(milliseconds: Sequence[float]) -> str:
    """Draw the histogram of latencies."""
    figure, axes = _axes((4.4, 2.8))
    axes.hist(milliseconds, bins="auto", color=_BLUE)
    for share, style in ((50, "-"), (95, "--"), (99, ":")):
        at = float(np.percentile(milliseconds, share))
        axes.axvline(at, color=_VERMILLION, linewidth=1.2, linestyle=style, label=f"p{share}")
    axes.set(xlim=(0, None), xlabel="milliseconds", ylabel="frames")
    axes.legend(fontsize=8)
    return _svg(figure, "latencies")


def ages_of_newest(
    seconds: Sequence[float], milliseconds: Sequence[float], dropped: Sequence[float]
) -> str:
    """Draw the newest result's age over time; `dropped`: seconds of the frames without one."""
    figure, axes = _axes((10.5, 2.4))
    axes.plot(seconds, milliseconds, color=_BLUE, linewidth=1, label="age of the newest result")
    if len(dropped):
        axes.plot(
            dropped,
            np.zeros(len(dropped)),
            "|",
            color=_VERMILLION,
            markersize=9,
            label="frames without a result",
        )
    axes.set(ylim=(0, None), xlabel="seconds", ylabel="milliseconds")
    axes.legend(fontsize=8, loc="upper right")
    return _svg(figure, "ages")


def _axes(inches: tuple[float, float]) -> tuple[Figure, Axes]:
    # Without pyplot: no backend to choose, no window, nothing to close.
    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.subplots()
    axes.grid(linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    text = StringIO()
    # Text as text, small and searchable; names of parts that differ from drawing to drawing and
    # are the same in every run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None,
                                                     "Type": None})  # fmt: skip
    drawing = text.getvalue()
    for colour, variable in _ON_A_PAGE.items():
        drawing = drawing.replace(f": {colour}", f": {variable}")
    return drawing[drawing.index("<svg") :]


def _spans(at: np.ndarray, flags: Sequence[bool]) -> list[tuple[float, float]]:
    """Start and length of the runs of frames with the flag, each frame until the next."""
    until = np.append(at[1:], at[-1] + (np.median(np.diff(at)) if at.size > 1 else 1.0))
    spans: list[tuple[float, float]] = []
    for place in np.flatnonzero(flags):
        start, end = float(at[place]), float(until[place])
        if spans and sum(spans[-1]) >= start - 1e-9:
            spans[-1] = (spans[-1][0], end - spans[-1][0])
        else:
            spans.append((start, end - start))
    return spans


def _thinned(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest value of each stretch, so that no peak is lost."""
    if at.size <= _MOST_POINTS:
        return at, values
    starts = np.unique(np.linspace(0, at.size, _MOST_POINTS, endpoint=False).astype(np.int64))
    return at[starts], np.maximum.reduceat(values, starts)
