# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest

from training.datasets.readers.class_list import SegmentationClass
from training.datasets.registry import load_class_list
from training.errors import UsageError
from training.street_renderer.drive import CLASSES

ROAD = {"name": "road", "colour": [128, 64, 128], "drivable": True, "label": 3}
CAR = {"name": "car", "colour": [64, 0, 128], "drivable": False, "label": [8, 12]}


def write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def test_reads_a_file(tmp_path):
    found = load_class_list(write(tmp_path / "c.json", {"classes": [ROAD, CAR], "ignore": [11]}))
    assert found.classes == (
        SegmentationClass("road", (128, 64, 128), True),
        SegmentationClass("car", (64, 0, 128), False),
    )
    label = np.array([[3, 8, 12, 11, 255]], np.uint8)
    np.testing.assert_array_equal(found.label_map(label, Path("x")), [[0, 1, 1, 255, 255]])


def test_camvid_has_eleven_classes_and_ignores_the_twelfth():
    camvid = load_class_list("camvid")
    assert [c.name for c in camvid.classes if c.drivable] == ["road"]
    label = np.arange(12, dtype=np.uint8)[None]
    wanted = [[*range(11), 255]]
    assert len(camvid.classes) == 11
    np.testing.assert_array_equal(camvid.label_map(label, Path("x")), wanted)


def test_synthetic_has_the_streets_classes():
    synthetic = load_class_list("synthetic")
    assert [c.name for c in synthetic.classes] == [c.name for c in CLASSES]
    assert len(synthetic.label_map.ids) == len(CLASSES) + 1


def test_the_help_shows_a_readable_example(tmp_path):
    from training.commands.teacher import teacher

    text = teacher.__doc__
    example = text[text.index('{"classes"') : text.index("[11]}") + 5]
    (tmp_path / "c.json").write_text(example)
    assert [c.name for c in load_class_list(str(tmp_path / "c.json")).classes] == ["road", "car"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"classes": [ROAD]}, "1 classes; expected 2 to 255"),
        ({"classes": [ROAD, {**CAR, "label": 3}]}, "label value 3 is given twice"),
        ({"classes": [ROAD, CAR], "ignore": [12]}, "label value 12 is given twice"),
        ({"classes": [ROAD, {**CAR, "colour": [0, 0, 256]}]}, "not three numbers from 0 to 255"),
        ({"classes": [ROAD, {**CAR, "colour": [0, 0]}]}, "ValueError"),
        ({"classes": [ROAD, {**CAR, "drivable": "no"}]}, "drivable of 'car' is 'no', no boolean"),
        ({"classes": [ROAD, {"name": "car"}]}, "KeyError: 'colour'"),
        ({"class": []}, "KeyError: 'classes'"),
        ([], "TypeError"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path, content, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_class_list(write(tmp_path / "c.json", content))
    assert "c.json is no class list" in str(caught.value)


def test_broken_json(tmp_path):
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(UsageError, match=r"c\.json is no class list \(JSONDecodeError"):
        load_class_list(str(tmp_path / "c.json"))


def test_unknown_name():
    with pytest.raises(UsageError, match=r"'camvit' is none of camvid, .*synthetic, nor a file"):
        load_class_list("camvit")
