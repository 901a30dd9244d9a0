# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Two runs beside one another: what counts as the same, and what the command answers."""

import json
import sys

import compare
from spread import spread


def tree(ratio, milliseconds):
    return {
        "options": {"rounds": 5},
        "ratio_rounds": {"p99_over_p50": {**spread(ratio), "of": "demo"}},
        "networks": {"demo": {"milliseconds": {"Detector": spread(milliseconds)}}},
    }


def answer(monkeypatch, tmp_path, first, second):
    for name, content in (("first.json", first), ("second.json", second)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    files = [str(tmp_path / name) for name in ("first.json", "second.json")]
    monkeypatch.setattr(sys, "argv", ["compare.py", *files])
    return compare.main()


def test_runs_whose_medians_may_be_the_same_are_reproduced(monkeypatch, tmp_path, capsys):
    first = tree([1.0, 1.2, 1.4], [30.0, 32.0, 34.0])
    second = tree([1.2, 1.4, 1.6], [40.0, 42.0, 44.0])
    assert answer(monkeypatch, tmp_path, first, second) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows[2:] == [
        "| ratio_rounds, p99_over_p50 | 1.2 (1 to 1.4) | 1.4 (1.2 to 1.6) | +16.7% | yes |",
        "| networks, demo, milliseconds, Detector | 32 (30 to 34) | 42 (40 to 44) | +31.2% | no |",
    ]


def test_a_ratio_that_moved_is_a_failure(monkeypatch, tmp_path, capsys):
    first, second = tree([1.0, 1.1], [1.0]), tree([1.5, 1.6], [1.0])
    assert answer(monkeypatch, tmp_path, first, second) == 1
    assert "1 of 2 figures reproduced, 0 of 1 ratios" in capsys.readouterr().out


def test_nothing_to_compare_is_told(monkeypatch, tmp_path, capsys):
    assert answer(monkeypatch, tmp_path, tree([1.0], [1.0]), {}) == 2
    assert "no figure in common" in capsys.readouterr().err


def test_what_is_no_benchmark_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["compare.py", str(tmp_path), str(tmp_path / "none.json")])
    assert compare.main() == 2
    assert "that is no bench.json" in capsys.readouterr().err
