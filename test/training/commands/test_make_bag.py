# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from typer.testing import CliRunner

from training.__main__ import app
from training.bag_writer import LABEL_TOPIC


@pytest.fixture
def tree(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number, value in enumerate((0, 2, 255)):
        cv2.imwrite(str(tmp_path / f"images/{number}.jpg"), np.zeros((8, 8, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f"labels/{number}.png"), np.full((8, 8), value, np.uint8))
    return tmp_path


def make_bag(tree, *arguments):
    command = ["make-bag", str(tree), "--out", str(tree / "bag"), *arguments]
    return CliRunner().invoke(app, command)


def label_values(bag):
    with AnyReader([bag]) as reader:
        connections = [c for c in reader.connections if c.topic == LABEL_TOPIC]
        return [
            int(reader.deserialize(data, connection.msgtype).data[0])
            for connection, _, data in reader.messages(connections)
        ]


def test_writes_mapped_labels(tree):
    result = make_bag(tree, "--labels", str(tree / "labels"), "--label-map", "0:0,2:1")
    assert result.exit_code == 0, result.output
    assert "3 frames at 10 Hz" in result.output
    assert label_values(tree / "bag") == [0, 1, 255]


def test_labels_stay_as_they_are_without_a_map(tree):
    assert make_bag(tree, "--labels", str(tree / "labels"), "--limit", "2").exit_code == 0
    assert label_values(tree / "bag") == [0, 2]


def test_a_foreseen_error_is_one_sentence_without_traceback(tree):
    result = make_bag(tree, "--labels", str(tree / "labels"), "--label-map", "0:0")
    assert result.exit_code == 2
    assert "1.png holds the label value 2; known are 0, 255" in result.stderr
    assert "Traceback" not in result.output
    assert not (tree / "bag").exists()


def test_label_map_without_labels(tree):
    result = make_bag(tree, "--label-map", "0:0")
    assert (result.exit_code, result.stderr.strip()) == (2, "make-bag: --label-map needs --labels")


def test_ctrl_c_says_what_is_left(tree, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.datasets.readers.folder.ImageFolder.__getitem__", interrupt)
    result = make_bag(tree)
    assert result.exit_code == 130
    assert "bag was not made; the same command starts anew" in result.stderr


@pytest.mark.parametrize("damage", ["cut", "cut and closed"])
def test_a_picture_that_was_cut_while_it_was_copied_is_refused_by_name(tree, damage):
    path = tree / "images" / "1.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    half = cv2.imencode(".jpg", noise)[1].tobytes()[:3000]
    path.write_bytes(half + (b"\xff\xd9" if damage == "cut and closed" else b""))
    result = make_bag(tree)
    assert result.exit_code == 2
    assert f"{path} cannot be decoded: the JPEG" in result.stderr
    assert not (tree / "bag").exists()
