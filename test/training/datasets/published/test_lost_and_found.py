# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.registry import open_dataset
from training.errors import UsageError

WEG = "04_Maurener_Weg_8"
KLEMM = "01_Hanns_Klemm_Str_45"


@pytest.fixture
def frame(put, put_label):
    def write(split, street, tail, labels=((0, 1, 2), (43, 1, 255))):
        name = f"{street}/{street}_{tail}"
        put(f"leftImg8bit/{split}/{name}_leftImg8bit.png", 6)
        put_label(f"gtCoarse/{split}/{name}_gtCoarse_labelIds.png", labels)

    write("train", WEG, "000000_000030")
    write("test", KLEMM, "000001_000100")
    write("test", KLEMM, "000006_000100")
    return write


def names(dataset):
    return [dataset.source.frame_name(i) for i in range(len(dataset.source))]


def test_free_road_is_normal_obstacles_are_anomalies_and_the_rest_is_not_judged(tmp_path, frame):
    dataset = open_dataset(f"lost_and_found={tmp_path}")
    assert names(dataset) == [f"{KLEMM}_000001_000100", f"{KLEMM}_000006_000100"]
    np.testing.assert_array_equal(dataset.source[0][1], [[255, 0, 1], [1, 0, 255]])


def test_other_splits(tmp_path, frame):
    assert names(open_dataset(f"lost_and_found={tmp_path}:train")) == [f"{WEG}_000000_000030"]
    # In sequence 6 of that street the obstacle is a bicycle.
    known = open_dataset(f"lost_and_found={tmp_path}:test_no_known")
    assert names(known) == [f"{KLEMM}_000001_000100"]


def test_missing_label_is_named(tmp_path, frame, put):
    put(f"leftImg8bit/test/{KLEMM}/{KLEMM}_000009_000100_leftImg8bit.png", 1)
    path = f"gtCoarse/test/{KLEMM}/{KLEMM}_000009_000100_gtCoarse_labelIds"
    with pytest.raises(UsageError, match=rf"expected .*{path}\.png"):
        open_dataset(f"lost_and_found={tmp_path}")


def test_unknown_value(tmp_path, frame):
    frame("train", WEG, "000000_000040", [[201, 1, 1], [1, 1, 1]])
    with pytest.raises(UsageError, match="holds the label value 201"):
        open_dataset(f"lost_and_found={tmp_path}:train").source[1]


def test_nothing_left(tmp_path, put, put_label):
    street = "15_Rechbergstr_Deckenpfronn"
    put(f"leftImg8bit/test/{street}/{street}_000000_000010_leftImg8bit.png", 1)
    put_label(f"gtCoarse/test/{street}/{street}_000000_000010_gtCoarse_labelIds.png", [[1]])
    with pytest.raises(UsageError, match="holds none but sequences of children and bicycles"):
        open_dataset(f"lost_and_found={tmp_path}:test_no_known")
