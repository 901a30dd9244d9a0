# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from training.datasets.readers.label_map import IDENTITY
from training.datasets.readers.pairs import Pair, PairedPictures, pair, pictures_by_name
from training.errors import UsageError


def paths(*names):
    return {name: Path(name) for name in names}


def put_together(images, labels):
    return pair(
        images,
        labels,
        expected_image=lambda name: f"image of {name}",
        expected_label=lambda name: f"label of {name}",
    )


def test_pairs_come_in_natural_order():
    pairs = put_together(paths("f10", "f9", "f2"), paths("f2", "f10", "f9"))
    assert [p.name for p in pairs] == ["f2", "f9", "f10"]
    assert pairs[0] == Pair("f2", Path("f2"), Path("f2"))


def test_lonely_image_and_label():
    with pytest.raises(
        UsageError, match=r"2 of 3 images have no label, the first is b; .*label of"
    ):
        put_together(paths("a", "b", "c"), paths("a"))
    with pytest.raises(
        UsageError, match=r"1 of 2 labels have no image, the first is b; .*image of"
    ):
        put_together(paths("a"), paths("a", "b"))


def test_names_without_their_ending(tmp_path, put):
    first, second = put("x/a_L.png", 1), put("y/b_l.PNG", 1)
    put("y/c.png", 1)
    assert pictures_by_name(tmp_path, "_L.png") == {"a": first, "b": second}
    put("y/a_L.png", 1)
    with pytest.raises(UsageError, match="have the same name; keep one of them"):
        pictures_by_name(tmp_path, "_L.png")


def test_images_are_read_without_their_labels(put):
    source = PairedPictures([Pair("a", put("a.png", 4), Path("not_there.png"))], IDENTITY.read)
    assert len(source.images) == 1
    assert np.all(source.images[0] == 4)
    with pytest.raises(UsageError, match=r"not_there\.png cannot be read as labels"):
        source[0]


def test_iteration_ends(put, put_label):
    one = Pair("a", put("a.png", 4), put_label("l.png", [[1, 2, 3], [4, 5, 6]]))
    source = PairedPictures([one, one], IDENTITY.read)
    assert len(list(source)) == len(list(source.images)) == 2
