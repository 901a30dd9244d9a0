# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The ablation as Markdown and JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosme_ros.atomic_files import write_atomically
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics
from training.datasets.registry import Dataset
from training.evaluation.ablation import Ablation, LayerSet
from training.evaluation.paper_tables import (
    ABLATED_SET,
    EVALUATION_LAYER_SETS,
    MEMORY_LAYER_SETS,
    TABLE_4,
    Figures,
)

JSON_FILE = "ablation.json"
MARKDOWN_FILE = "ablation.md"


def write_ablation(
    folder: Path, dataset: Dataset, ablation: Ablation, origin: dict[str, str]
) -> None:
    """Write JSON_FILE (shares of 0..1) and MARKDOWN_FILE (percent) to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "origin": origin,
        "dataset": dataset.spelling,
        "frames": ablation.frames,
        "memory_layers": [_row_content(s, r) for s, r in ablation.memory.items()],
        "evaluation_layers": [_row_content(s, r) for s, r in ablation.evaluation.items()],
    }
    write_atomically(folder / JSON_FILE, json.dumps(content, indent=1) + "\n")
    lines = [*ablation_tables(dataset, ablation), ""]
    lines += [f"- {name}: `{value}`" for name, value in origin.items()]
    write_atomically(folder / MARKDOWN_FILE, "\n".join(lines) + "\n")


def ablation_tables(dataset: Dataset, ablation: Ablation) -> list[str]:
    """Return the lines of both halves of the table, in percent as in the paper."""
    same = dataset.name == ABLATED_SET
    lines = [
        f"# Ablation on {dataset.title}",
        "",
        f"`{dataset.spelling}`: {ablation.frames} frames.",
        "",
        "## L: the layers in the memory, MulMem alone",
        "",
        *_table(ablation.memory, MEMORY_LAYER_SETS if same else {}),
        "",
        f"## L_e: the layers that are compared, CosMe with L = {_set(ablation.memory_layers)}",
        "",
        *_table(ablation.evaluation, EVALUATION_LAYER_SETS if same else {}),
    ]
    if same:
        lines += ["", f"Figures in italics are quoted from {TABLE_4}: its own teacher."]
    return lines


def _table(
    rows: Mapping[LayerSet, AnomalyMetrics | str], quoted: Mapping[LayerSet, Figures]
) -> list[str]:
    lines = ["| layers | AP | AUROC | FPR95 | |", "|---|---|---|---|---|"]
    for layers, row in rows.items():
        if isinstance(row, str):
            cells, note = ["-"] * 3, f"missing: {row}"
        else:
            shares = (row.average_precision, row.auroc, row.fpr95)
            cells, note = [f"{100 * share:.2f}" for share in shares], ""
        if layers in quoted:
            figures = quoted[layers]
            values = (figures.average_precision, figures.auroc, figures.fpr95)
            cells = [f"{cell} (*{value:g}*)" for cell, value in zip(cells, values, strict=True)]
        lines.append(f"| {_set(layers)} | {' | '.join(cells)} | {note} |")
    return lines


def _set(layers: LayerSet) -> str:
    return "{" + ", ".join(layer.upper() for layer in layers) + "}"


def _row_content(layers: LayerSet, row: AnomalyMetrics | str) -> dict[str, Any]:
    if isinstance(row, str):
        return {"layers": list(layers), "missing": row}
    return {"layers": list(layers), **asdict(row)}
