# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from training.__main__ import app
from training.datasets.registry import FORMS, PUBLISHED


@pytest.fixture
def tree(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        label = np.zeros((2, 5), np.uint8)
        label[0, :number] = 2
        cv2.imwrite(str(tmp_path / f"labels/{number}.png"), label)
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), np.zeros((2, 5, 3), np.uint8))
    return tmp_path


def datasets(*arguments):
    return CliRunner().invoke(app, ["datasets", *arguments])


def test_lists_every_one_with_what_it_needs_and_where_it_is():
    result = datasets()
    assert result.exit_code == 0, result.output
    words = result.output.split()
    for entry in PUBLISHED.values():
        assert f"{entry.name}: {entry.title}" in result.output
        for text in (entry.layout, entry.address, entry.terms, *entry.splits):
            assert set(text.split()) <= set(words), entry.name
    for form in FORMS.values():
        assert f"{form.name}: {form.title}" in result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100


def test_explains_one():
    result = datasets("cityscapes")
    assert result.output.startswith("cityscapes: Cityscapes\n")
    assert "19: road, sidewalk" in result.output
    assert "camvid" not in result.output
    assert datasets("bag").output.startswith("bag: ")


def test_checks_what_is_on_disk(tree):
    result = datasets(f"mine={tree}?0:0,2:1", "--frames", "0")
    assert result.exit_code == 0, result.output
    assert "mine: mine, labels are anomalies" in result.output
    assert "frames    4, 4 of them read" in result.output
    assert "sizes     5x2 (4)" in result.output
    # 0 + 1 + 2 + 3 of 4 * 10 pixels.
    assert "normal 85.00%, anomaly 15.00%, ignored 0.00%" in result.output
    assert "no anomaly" not in result.output


def test_names_classes(tree):
    assert "sky 85.00%, building 0.00%, pole 15.00%" in datasets(f"x={tree}?camvid").output


def test_says_when_it_saw_no_anomaly(tree):
    result = datasets(f"mine={tree}?0:0,2:0", "--frames", "2")
    assert "4, 2 of them read" in result.output
    assert "no anomaly in the frames read" in result.output


def test_a_damaged_download_is_one_sentence(tree):
    (tree / "labels" / "3.png").unlink()
    result = datasets(f"mine={tree}?0:0,2:1")
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert "1 of 4 images have no label" in result.stderr
    result = datasets("nosuch")
    assert (result.exit_code, "'nosuch' is no data set" in result.stderr) == (2, True)
