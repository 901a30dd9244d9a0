# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from training.datasets.opening import open_frames
from training.datasets.published.camvid import CAMVID
from training.datasets.registry import CLASS_LISTS, FORMS, PUBLISHED, open_dataset
from training.errors import UsageError


@pytest.fixture
def own(tmp_path, put, put_label):
    put("own/images/a.png", 4)
    put_label("own/labels/a.png", [[0, 2, 0], [2, 255, 0]])
    return tmp_path / "own"


def test_folder_with_a_label_map(own):
    for spelling, name, title in (
        (f"folder={own}?0:0,2:1", "folder", "own"),
        (f"mine={own}?0:0,2:1", "mine", "mine"),
        (f"road_anomaly={own}?0:0,2:1", "road_anomaly", "Road Anomaly"),
    ):
        dataset = open_dataset(spelling)
        assert (dataset.spelling, dataset.name, dataset.title) == (spelling, name, title)
        assert (dataset.kind, dataset.classes) == ("anomalies", None)
        image, label = dataset.source[0]
        np.testing.assert_array_equal(label, [[0, 1, 0], [1, 255, 0]])
        assert (image.dtype, label.dtype, dataset.source.frame_name(0)) == (np.uint8, np.uint8, "a")


def test_folder_without_a_map_has_zeros_and_ones(own, put_label):
    with pytest.raises(UsageError, match="holds the label value 2; known are 0, 1, 255"):
        open_dataset(f"folder={own}").source[0]
    put_label("own/labels/a.png", [[0, 1, 0], [1, 255, 0]])
    np.testing.assert_array_equal(
        open_dataset(f"folder={own}").source[0][1], [[0, 1, 0], [1, 255, 0]]
    )


def test_folder_with_a_class_list(own, tmp_path):
    dataset = open_dataset(f"mine={own}?camvid")
    assert (dataset.kind, dataset.class_list()) == ("classes", CAMVID)
    np.testing.assert_array_equal(dataset.source[0][1], [[0, 2, 0], [2, 255, 0]])
    file = tmp_path / "classes.json"
    file.write_text(
        '{"classes": [{"name": "a", "colour": [0, 0, 0], "drivable": false, "label": 2},'
        ' {"name": "b", "colour": [0, 0, 0], "drivable": true, "label": 0}]}'
    )
    np.testing.assert_array_equal(
        open_dataset(f"mine={own}?{file}").source[0][1], [[1, 0, 1], [0, 255, 1]]
    )


def test_a_path_may_hold_a_colon(own):
    with_colon = own.rename(own.with_name("own:1"))
    assert len(open_dataset(f"folder={with_colon}?0:0,2:1").source) == 1


def test_synthetic_streets_with_and_without_anomalies():
    normal, odd = open_dataset("synthetic:2:3"), open_dataset("synthetic_anomalies:2:3")
    assert (normal.name, normal.kind) == ("synthetic", "classes")
    assert (odd.name, odd.kind) == ("synthetic_anomalies", "anomalies")
    assert normal.class_list() is CLASS_LISTS["synthetic"]
    image, label = odd.source[2]
    street, classes = normal.source[2]
    assert set(np.unique(label)) == {0, 1}
    assert set(np.unique(classes)) <= set(range(len(normal.class_list().classes)))
    # The same street, with and without what does not belong.
    changed = np.any(image != street, axis=2)
    assert changed[label == 1].mean() > 0.9
    assert changed[label == 0].mean() < 0.1
    again = pickle.loads(pickle.dumps(odd)).source[2]
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_array_equal(again[1], label)
    assert odd.source.frame_name(1) != odd.source.frame_name(2)


def test_synthetic_counts():
    assert len(open_dataset("synthetic").source) == 400
    assert len(open_dataset("synthetic_anomalies:1").source) == 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("camvid", "'camvid' is no data set; expected NAME=PATH"),
        ("nosuch=/x", r"no known data set; known are cityscapes.*nosuch=/x\?0:0,1:1"),
        ("camvid=/nowhere:val", r"/nowhere is no folder; camvid is expected there as 701_Stills"),
        ("camvid=/:night", "camvid has no split 'night'; it has train, val, test"),
        ("folder=/nowhere", "/nowhere does not exist; expected a folder with images/"),
        ("folder=/tmp:val", "names the split 'val'; a plain folder has none"),
        ("x=/tmp?0:0,1:2", r"gives the id 2; ids are 0 normal, 1 anomaly and 255 .*\?camvid"),
        ("x=/tmp?camvit", "class list 'camvit' is none of camvid, cityscapes, streethazards, syn"),
        ("x=/tmp?", "class list '' is none of"),
        ("synthetic:x", "'synthetic:x' is not synthetic:SEED"),
        ("synthetic_anomalies:1:0", "asks for no frame"),
    ],
)
def test_misspellings(text, message):
    with pytest.raises(UsageError, match=message):
        open_dataset(text)


def test_anomalies_have_no_class_list(own):
    with pytest.raises(UsageError, match=r"mine=.*0:0,2:1 say where anomalies are"):
        open_dataset(f"mine={own}?0:0,2:1").class_list()


def test_frames_of_a_data_set_need_no_labels_read(own):
    (own / "labels" / "a.png").write_bytes(b"damaged")
    frames = open_frames(f"mine={own}?camvid")
    assert len(frames) == 1
    assert np.all(frames[0] == 4)
    with pytest.raises(UsageError, match="write bag=PATH:/camera"):
        open_frames(f"mine={own}?camvid", "/camera")


def test_every_entry_says_what_people_need():
    for name, entry in PUBLISHED.items():
        assert name == entry.name
        assert entry.address.startswith("http")
        assert entry.layout and entry.terms and entry.title
        assert entry.splits.keys()
        assert ("classes" in entry.splits.values()) == (entry.classes is not None)
    assert not PUBLISHED.keys() & FORMS.keys()
    assert CLASS_LISTS.keys() == {"camvid", "cityscapes", "streethazards", "synthetic"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_empty_root_is_refused_with_the_layout(tmp_path, name):
    for split in PUBLISHED[name].splits:
        with pytest.raises(UsageError) as caught:
            open_dataset(f"{name}={tmp_path}:{split}")
        assert str(tmp_path) in str(caught.value)
        assert PUBLISHED[name].layout in str(caught.value)


@pytest.mark.skipif("COSME_DATA" not in os.environ, reason="COSME_DATA names no folder of data")
def test_real_pictures():
    data = Path(os.environ["COSME_DATA"])
    counts = {"train": 367, "val": 101, "test": 233}
    for split, count in counts.items():
        assert len(open_dataset(f"camvid={data}/camvid:{split}").source) == count
    assert len(open_dataset(f"road_anomaly={data}/road_anomaly").source) == 60
