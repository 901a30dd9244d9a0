# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures as Markdown and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosme_ros.atomic_files import write_atomically
from cosme_ros.metrics.component_metrics import THRESHOLDS
from training.datasets.registry import Dataset
from training.evaluation.dataset_figures import DatasetFigures, MethodFigures
from training.evaluation.frame_scores import TITLES
from training.evaluation.paper_tables import QUOTED, QuotedRow
from training.evaluation.thing_sizes import SMALL_PIXELS, Size

JSON_FILE = "evaluation.json"
MARKDOWN_FILE = "evaluation.md"


@dataclass(frozen=True)
class Evaluation:
    """All that is known when some data sets are done.

    Attributes:
        origin: see `provenance.py`.
        skipped: method to the reason, in a sentence.
        results: data sets in the order in which they were measured.
    """

    origin: dict[str, str]
    skipped: dict[str, str]
    results: list[tuple[Dataset, DatasetFigures]]


def write_report(folder: Path, evaluation: Evaluation) -> None:
    """Write JSON_FILE and MARKDOWN_FILE to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / JSON_FILE, json.dumps(as_content(evaluation), indent=1) + "\n")
    write_atomically(folder / MARKDOWN_FILE, as_markdown(evaluation))


def as_content(evaluation: Evaluation) -> dict[str, Any]:
    """Return what JSON_FILE holds: figures as shares of 0..1, quoted rows in percent as printed."""
    return {
        "origin": evaluation.origin,
        "skipped": evaluation.skipped,
        "datasets": {
            dataset.spelling: {
                "name": dataset.name,
                "title": dataset.title,
                "frames": figures.frames,
                "normal_pixels": figures.normal_pixels,
                "anomalous_pixels": figures.anomalous_pixels,
                "minimum_sizes": asdict(figures.sizes),
                "small_below_pixels": SMALL_PIXELS,
                "things": {size.value: asdict(of) for size, of in figures.things.items()},
                "methods": {
                    method: {
                        **asdict(of_method.pixels),
                        "by_size": {
                            size.value: None if of_size is None else asdict(of_size)
                            for size, of_size in of_method.by_size.items()
                        },
                        "components": asdict(of_method.components),
                    }
                    for method, of_method in figures.methods.items()
                },
                "quoted": [asdict(row) for row in QUOTED.get(dataset.name, ())],
            }
            for dataset, figures in evaluation.results
        },
    }


def as_markdown(evaluation: Evaluation) -> str:
    """Return what MARKDOWN_FILE holds: a table for each data set, in percent as in the paper."""
    lines = ["# Evaluation", ""]
    for dataset, figures in evaluation.results:
        lines += [*dataset_table(dataset, figures), ""]
    lines += [
        "AP, AUROC and FPR95 are over the pixels of all frames together. sIoU, PPV and mean F1 "
        "are SegmentMeIfYouCan's, over components, at the threshold of best pixel F1; "
        f"F1 is the mean over sIoU and PPV thresholds from {THRESHOLDS[0]} to {THRESHOLDS[-1]}.",
        "",
        "Small and large: AP and FPR95 of all normal pixels and of the things of that size alone; "
        "things of the other size are not judged. AP falls with the share of anomalous pixels, so "
        "compare it between methods, not between sizes.",
        "",
    ]
    left_out = skipped_lines(evaluation.skipped)
    lines += [f"- {line}" for line in left_out] + [""] * bool(left_out)
    lines += [f"- {name}: `{value}`" for name, value in evaluation.origin.items()]
    return "\n".join(lines) + "\n"


def dataset_table(dataset: Dataset, figures: DatasetFigures) -> list[str]:
    """Lines of one data set's heading and table, ours first and then quoted rows."""
    share = figures.anomalous_pixels / (figures.normal_pixels + figures.anomalous_pixels)
    lines = [
        f"## {dataset.title}",
        "",
        f"`{dataset.spelling}`: {figures.frames} frames, {100 * share:.2f} % of their judged "
        f"pixels anomalous. Components from {figures.sizes.true} (labelled) and "
        f"{figures.sizes.detected} (detected) pixels on. {_things_line(figures)}",
        "",
        "| method | AP | AUROC | FPR95 | sIoU | PPV | mean F1 | small: AP | FPR95 | large: AP "
        "| FPR95 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method, of_method in figures.methods.items():
        pixels, components = of_method.pixels, of_method.components
        shares = (
            pixels.average_precision,
            pixels.auroc,
            pixels.fpr95,
            components.siou,
            components.ppv,
            components.f1,
            *_shares_by_size(of_method),
        )
        cells = ["-" if value is None else f"{100 * value:.2f}" for value in shares]
        lines.append(f"| {TITLES[method]} | " + " | ".join(cells) + " |")
    quoted = QUOTED.get(dataset.name, ())
    lines += [_quoted_line(row) for row in quoted]
    if quoted:
        lines += ["", f"Rows in italics are quoted from {quoted[0].source}: its own teacher."]
        if any(row.retrains for row in quoted):
            lines.append("‡ trains the teacher anew; # learns from pictures of anomalies.")
    return lines


def _quoted_line(row: QuotedRow) -> str:
    marks = " ‡" * row.retrains + " #" * row.uses_anomalies
    figures = row.figures
    values = (figures.average_precision, figures.auroc, figures.fpr95)
    cells = " | ".join(f"*{value:g}*" for value in values)
    return f"| *{row.method}*{marks} (quoted) | {cells} | - | - | - | - | - | - | - |"


def _shares_by_size(of_method: MethodFigures) -> Iterator[float | None]:
    for size in Size:
        of_size = of_method.by_size[size]
        yield None if of_size is None else of_size.average_precision
        yield None if of_size is None else of_size.fpr95


def _things_line(figures: DatasetFigures) -> str:
    small, large = (figures.things[size] for size in (Size.SMALL, Size.LARGE))
    share = 100 * small.pixels / figures.anomalous_pixels
    return (
        f"Things: {small.things} small ones (fewer than {SMALL_PIXELS} pixels; {share:.1f} % of "
        f"the anomalous pixels) and {large.things} large ones."
    )


def skipped_lines(skipped: dict[str, str]) -> list[str]:
    """Return a sentence for each reason why methods were left out."""
    reasons = dict.fromkeys(skipped.values())
    return [
        f"left out: {', '.join(TITLES[m] for m in TITLES if skipped.get(m) == why)}; {why}"
        for why in reasons
    ]
