# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Figures that the paper prints, to stand beside ours where the data set is the same.

Source: Cen et al., Consensus Synergizes with Memory: A Simple Approach for Anomaly Segmentation in
Urban Scenes, Tables 2, 3 and 4. Theirs are a DeepLabV3+ (on StreetHazards a
PSPNet, where not said otherwise) with ResNet-101, trained on Cityscapes or StreetHazards.
"""

from dataclasses import dataclass

TABLE_2 = "the paper, Table 2"
TABLE_3 = "the paper, Table 3"
TABLE_4 = "the paper, Table 4"


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


def _table_2(column: dict[str, tuple[float, float, float]]) -> tuple[QuotedRow, ...]:
    """Rows of a column of Table 2, whose order of figures is FPR95, AUROC, AP."""
    ldn_bin = "LDN_BIN"
    return tuple(
        QuotedRow(
            method,
            Figures(average_precision, auroc, fpr95),
            TABLE_2,
            retrains=method == ldn_bin,
            uses_anomalies=method == ldn_bin,
        )
        for method, (fpr95, auroc, average_precision) in column.items()
    )


def _table_3(
    method: str,
    fpr95: float,
    auroc: float,
    average_precision: float,
    *,
    retrains: bool = False,
    uses_anomalies: bool = False,
) -> QuotedRow:
    figures = Figures(average_precision, auroc, fpr95)
    return QuotedRow(method, figures, TABLE_3, retrains, uses_anomalies)


QUOTED: dict[str, tuple[QuotedRow, ...]] = {
    "fishyscapes_lost_and_found": _table_2(
        {
            "MSP": (45.63, 86.99, 6.02),
            "MaxLogit": (38.13, 92.00, 18.77),
            "SynthCP": (45.95, 88.34, 6.54),
            "SML": (14.53, 96.88, 36.55),
            "LDN_BIN": (23.97, 95.59, 45.71),
            "MulMem": (14.47, 97.39, 41.73),
            "AuxCon": (18.68, 95.79, 19.52),
            "CosMe": (11.65, 98.11, 50.22),
        }
    ),
    "fishyscapes_static": _table_2(
        {
            "MSP": (34.10, 88.94, 14.24),
            "MaxLogit": (28.50, 92.80, 27.99),
            "SynthCP": (34.02, 89.90, 23.22),
            "SML": (16.75, 96.69, 48.67),
            "MulMem": (5.07, 98.87, 65.61),
            "AuxCon": (5.45, 98.76, 62.01),
            "CosMe": (1.47, 99.58, 79.25),
        }
    ),
    "road_anomaly": _table_2(
        {
            "MSP": (68.44, 73.76, 20.59),
            "MaxLogit": (64.85, 77.97, 24.44),
            "SynthCP": (64.69, 76.08, 24.87),
            "SML": (49.74, 81.96, 25.82),
            "MulMem": (63.38, 80.02, 29.49),
            "AuxCon": (51.33, 84.61, 38.40),
            "CosMe": (51.04, 85.92, 41.11),
        }
    ),
    "streethazards": (
        _table_3("MSP", 33.7, 87.7, 6.6),
        _table_3("SynthCP", 28.4, 88.5, 9.3),
        _table_3("MaxLogit", 26.5, 89.3, 10.6),
        _table_3("Dropout", 79.4, 69.9, 7.5, retrains=True),
        _table_3("DML", 17.3, 93.7, 14.7, retrains=True),
        _table_3("LDN_BIN", 30.9, 89.7, 18.8, retrains=True, uses_anomalies=True),
        _table_3("CosMe (PSPNet)", 23.2, 91.3, 16.8),
        _table_3("CosMe (DeepLabV3+)", 15.5, 94.6, 19.7),
    ),
}
"""Name of a data set in the registry to the paper's rows for it, in the paper's order."""

ABLATED_SET = "fishyscapes_lost_and_found"
"""The data set of Table 4."""

MEMORY_LAYER_SETS: dict[tuple[str, ...], Figures] = {
    ("c4",): Figures(9.81, 93.17, 34.55),
    ("c5",): Figures(22.11, 92.97, 36.49),
    ("lh",): Figures(12.32, 95.74, 20.84),
    ("c4", "c5"): Figures(27.38, 95.34, 23.94),
    ("c4", "c5", "lh"): Figures(41.73, 97.39, 14.47),
}
"""Table 4, upper half: L of Eq. 4 to MulMem's figures."""

EVALUATION_LAYER_SETS: dict[tuple[str, ...], Figures] = {
    ("c4",): Figures(44.99, 98.13, 10.58),
    ("c5",): Figures(50.22, 98.11, 11.65),
    ("lh",): Figures(35.91, 97.04, 15.45),
    ("o",): Figures(27.95, 96.50, 16.90),
    ("c4", "c5"): Figures(49.96, 98.24, 10.39),
    ("c4", "c5", "lh"): Figures(42.74, 97.67, 13.09),
    ("c4", "c5", "lh", "o"): Figures(32.28, 97.00, 15.07),
}
"""Table 4, lower half: L_e of Eq. 7, with L = c4, c5, lh, to CosMe's figures."""
