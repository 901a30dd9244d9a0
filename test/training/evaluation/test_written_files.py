# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Tables, curves and pictures, and that they say where they come from."""

import json
import re
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image

from training.datasets.registry import PUBLISHED, open_dataset
from training.evaluation.curve_plots import draw_curves
from training.evaluation.dataset_figures import ScoreStore, measure_dataset
from training.evaluation.frame_scores import FrameScorer
from training.evaluation.paper_tables import ABLATED_SET, QUOTED
from training.evaluation.provenance import commit, provenance
from training.evaluation.report import Evaluation, write_report
from training.evaluation.worst_frames import (
    FALSE_ALARM,
    FOUND,
    MISSED,
    NOT_JUDGED,
    draw_worst_frames,
    outcome_picture,
)

ORIGIN = {"command": "python -m training evaluate", "seed": "0"}


@pytest.fixture
def measured(bundle, teacher, dataset, tmp_path):
    scorer = FrameScorer(bundle, teacher, ("msp", "score"))
    with ScoreStore(tmp_path) as store:
        yield store, measure_dataset(dataset, scorer, store)


def report(folder, dataset, figures, skipped):
    write_report(folder, Evaluation(ORIGIN, skipped, [(dataset, figures)]))
    return (folder / "evaluation.md").read_text(), json.loads(
        (folder / "evaluation.json").read_text()
    )


def test_table_and_json_hold_the_figures(dataset, measured, tmp_path):
    _, figures = measured
    text, content = report(
        tmp_path / "out", dataset, figures, {"sml": "it is late", "knn": "it is late"}
    )
    entry = content["datasets"][dataset.spelling]
    score = figures.methods["score"]
    assert entry["methods"]["score"]["average_precision"] == score.pixels.average_precision
    assert entry["methods"]["score"]["components"]["siou"] == score.components.siou
    assert (entry["frames"], entry["quoted"]) == (3, [])
    cells = [
        f"{100 * share:.2f}"
        for share in (
            score.pixels.average_precision,
            score.pixels.auroc,
            score.pixels.fpr95,
            score.components.siou,
        )
    ]
    assert f"| CosMe | {' | '.join(cells)} |" in text
    assert score.by_size["large"] is None
    small = score.by_size["small"]
    of_sizes = f"{100 * small.average_precision:.2f} | {100 * small.fpr95:.2f} | - | - |"
    (line,) = (line for line in text.splitlines() if line.startswith("| CosMe |"))
    assert line.endswith(of_sizes)
    assert entry["methods"]["score"]["by_size"]["small"]["fpr95"] == small.fpr95
    assert entry["methods"]["score"]["by_size"]["large"] is None
    # Each box has 24x16 pixels, fewer than 500.
    assert entry["things"] == {
        "small": {"things": 2, "pixels": 2 * 24 * 16},
        "large": {"things": 0, "pixels": 0},
    }
    assert "Things: 2 small ones (fewer than 500 pixels; 100.0 %" in text
    # Two boxes of 24x16 among three frames whose five top rows are not judged.
    share = 100 * 2 * 24 * 16 / (3 * 91 * 144)
    assert f"3 frames, {share:.2f} % of their judged pixels anomalous" in text
    assert "- left out: SML, kNN density; it is late\n" in text
    assert "- command: `python -m training evaluate`" in text
    assert content["origin"] == ORIGIN


def test_the_papers_rows_stand_beside_ours_where_the_set_is_the_same(dataset, measured, tmp_path):
    _, figures = measured
    same = open_dataset(dataset.spelling.replace("streets=", "fishyscapes_lost_and_found=", 1))
    text, content = report(tmp_path / "out", same, figures, {})
    assert "| *CosMe* (quoted) | *50.22* | *98.11* | *11.65* | - | - | - | - | - | - | - |" in text
    assert (
        "| *LDN_BIN* ‡ # (quoted) | *45.71* | *95.59* | *23.97* | - | - | - | - | - | - | - |"
        in text
    )
    assert "quoted from the paper, Table 2" in text
    quoted = content["datasets"][same.spelling]["quoted"]
    assert len(quoted) == 8
    assert quoted[0]["figures"] == {"average_precision": 6.02, "auroc": 86.99, "fpr95": 45.63}


def test_quoted_sets_are_sets_of_the_registry():
    assert {*QUOTED, ABLATED_SET} <= set(PUBLISHED)


def test_quoted_figures_are_as_the_paper_says_of_them():
    # Section 4.4: CosMe above every method that neither trains anew nor uses anomalies, in AP.
    for rows in QUOTED.values():
        best = max(row.figures.average_precision for row in rows if row.method.startswith("CosMe"))
        others = [r for r in rows if not (r.retrains or r.method.startswith("CosMe"))]
        assert best > max(row.figures.average_precision for row in others)
        for row in rows:
            shares = row.figures
            assert shares.auroc > 50 > 0 < shares.fpr95 < 100
            assert shares.average_precision < shares.auroc


def metadata(path):
    with Image.open(path) as picture:
        return dict(picture.text)


def test_curves_carry_their_origin(dataset, measured, tmp_path):
    _, figures = measured
    paths = draw_curves(tmp_path / "curves", dataset.title, figures, ORIGIN)
    assert [path.name for path in paths] == ["roc.png", "pr.png"]
    for path in paths:
        assert metadata(path).items() >= ORIGIN.items()
        assert cv2.imread(str(path)).std() > 10


def test_worst_frames_come_first_and_carry_their_origin(dataset, measured, tmp_path):
    store, figures = measured
    paths = draw_worst_frames(tmp_path, dataset, figures, "msp", store, 2, ORIGIN)
    errors = figures.errors["msp"]
    for kind in ("false_alarms", "misses"):
        ordered = sorted(errors, key=lambda e, kind=kind: -getattr(e, kind))
        wanted = [e.frame for e in ordered[:2] if getattr(e, kind)]
        drawn = [p.name for p in paths if f"msp_{kind}" in p.name]
        assert drawn == [f"msp_{kind}_{n}_{frame}.png" for n, frame in enumerate(wanted, start=1)]
        assert drawn
    for path in paths:
        assert path.parent == tmp_path / "worst"
        assert metadata(path).items() >= ORIGIN.items()


def test_the_outcome_colours_every_kind_of_pixel():
    image = np.full((1, 5, 3), 200, np.uint8)
    label = np.array([[1, 0, 1, 255, 0]], np.uint8)
    score = np.array([[2.0, 2.0, 0.0, 2.0, 0.0]], np.float32)
    picture = outcome_picture(image, label, score, 1.0)
    assert [tuple(pixel) for pixel in picture[0]] == [
        FOUND,
        FALSE_ALARM,
        MISSED,
        NOT_JUDGED,
        (70, 70, 70),
    ]


def test_origin_names_command_commit_bundle_and_seed(bundle, monkeypatch):
    monkeypatch.setattr("sys.argv", ["training", "a b"])
    origin = provenance(bundle, 7, teacher="t.pt")
    assert origin["command"] == "python -m training 'a b'"
    assert (origin["seed"], origin["teacher"]) == ("7", "t.pt")
    before = origin["bundle_sha256"]
    (bundle / "manifest.json").write_text("{}")
    assert provenance(bundle, 7)["bundle_sha256"] != before


def test_commit_of_a_folder(tmp_path):
    assert commit(tmp_path) == "unknown"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", commit(tmp_path))
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path).endswith("-dirty")
