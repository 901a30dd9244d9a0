# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Figures that the paper prints, to stand beside ours where the data set is the same.

`paper_figures.yaml` beside this file holds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Figures:
    """In percent, as printed."""

    average_precision: float
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class QuotedRow:
    """One row of one of the paper's tables.

    Attributes:
        method: as printed.
        figures: of this row on the data set.
        source: which table.
        retrains: the method trains the segmentation network anew.
        uses_anomalies: the method learns from pictures of anomalies.
    """

    method: str
    figures: Figures
    source: str
    retrains: bool = False
    uses_anomalies: bool = False


def _figures(printed: list[float]) -> Figures:
    fpr95, auroc, average_precision = printed
    return Figures(average_precision, auroc, fpr95)


def _layer_sets(rows: Mapping[str, list[float]]) -> dict[tuple[str, ...], Figures]:
    return {tuple(layers.split()): _figures(printed) for layers, printed in rows.items()}


_PAPER = yaml.safe_load(Path(__file__).with_name("paper_figures.yaml").read_text("utf-8"))

QUOTED: dict[str, tuple[QuotedRow, ...]] = {
    dataset: tuple(
        QuotedRow(
            method,
            _figures(printed),
            table["source"],
            retrains=method in _PAPER["retrains"],
            uses_anomalies=method in _PAPER["uses_anomalies"],
        )
        for method, printed in table["rows"].items()
    )
    for dataset, table in _PAPER["methods"].items()
}
"""Name of a data set in the registry to the paper's rows for it, in the paper's order."""

TABLE_4: str = _PAPER["ablation"]["source"]
ABLATED_SET: str = _PAPER["ablation"]["dataset"]
"""The data set of Table 4."""
MEMORY_LAYER_SETS = _layer_sets(_PAPER["ablation"]["memory_layers"])
"""Table 4, upper half: L of Eq. 4 to MulMem's figures."""
EVALUATION_LAYER_SETS = _layer_sets(_PAPER["ablation"]["evaluation_layers"])
"""Table 4, lower half: L_e of Eq. 7 to CosMe's figures."""
