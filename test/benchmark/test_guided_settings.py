# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The command that compares guided filters, on the demo's bundle."""

from pathlib import Path

import guided_settings
import numpy as np

ROOT = Path(__file__).parents[2]


def test_larger_things_are_not_judged_among_the_small():
    label = np.zeros((50, 100), np.uint8)
    label[5:8, 5:8] = 1  # 9 of 5000 pixels
    label[20:30, 20:30] = 1
    label[40:] = 255
    small = guided_settings.only_small(label)
    assert (small[5:8, 5:8] == 1).all()
    assert (small[20:30, 20:30] == 255).all()
    assert (small == 0).sum() == (label == 0).sum()
    assert (guided_settings.only_small(np.zeros((9, 9), np.uint8)) == 0).all()


def test_a_table_of_all_that_was_asked_for(capsys):
    assert (
        guided_settings.main(
            [
                *("--bundle", str(ROOT / "demo/bundle")),
                *("--data", f"demo=bag={ROOT / 'demo/bag'}@20:40:10"),
                *("--radii", "24", "--epsilons", "3e-5", "--smoothings", "0", "8"),
            ]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| | demo |"
    names = [line.strip("| ").split(" | ")[0] for line in lines[2:]]
    assert names == [
        "smoothed by 0 alone",
        "smoothed by 8 alone",
        "smoothed by 0, radius 24, epsilon 3e-05",
        "smoothed by 8, radius 24, epsilon 3e-05",
    ]
    assert all(cell.count("/") == 2 for cell in lines[2:])
