# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The command that searches the layers' powers, on the demo's bundle."""

from pathlib import Path

import cv2
import layer_powers
import numpy as np

from training.export.graph_runner import GraphRunner

ROOT = Path(__file__).parents[2]


def test_the_bundles_powers_give_the_bundles_score() -> None:
    image = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 5)
    bundle = layer_powers.Bundle(ROOT / "demo/bundle")
    score = bundle.score(bundle.frame(image, np.zeros((360, 640), np.uint8)), bundle.powers)
    wanted = GraphRunner(ROOT / "demo/bundle").run(image)["score"][0, 0]
    # A power before or after the enlargement to the grid of `lh` is not quite the same.
    assert np.abs(score - wanted).max() < 0.05 * wanted.max()
    assert np.corrcoef(score.ravel(), wanted.ravel())[0, 1] > 0.999


def test_a_table_of_one_row_without_a_search(capsys) -> None:
    arguments = ["--bundle", str(ROOT / "demo/bundle"), "--rounds", "0"]
    data = f"demo=bag={ROOT / 'demo/bag'}@20:40:10"
    assert layer_powers.main([*arguments, "--data", data]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| powers | mean AP | demo |"
    assert len(lines) == 3
    assert lines[2].startswith("| memory c4 ")
