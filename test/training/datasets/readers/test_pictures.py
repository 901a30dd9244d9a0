# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from training.datasets.readers.pictures import find_pictures, first_folder, natural_order
from training.errors import UsageError


def test_natural_order_counts_numbers_as_numbers():
    assert sorted(["f10", "f9b", "f9a", "f", "f01", "f1"], key=natural_order) == [
        "f",
        "f01",
        "f1",
        "f9a",
        "f9b",
        "f10",
    ]


def test_finds_by_the_ending_of_the_name(tmp_path, put):
    for name in ("b/2_L.png", "b/10_L.PNG", "1.png", ".3_L.png"):
        put(name, 1)
    found = find_pictures(tmp_path, ("_L.png",))
    assert [path.name for path in found] == ["2_L.png", "10_L.PNG"]


def test_follows_linked_folders(tmp_path, put):
    put("real/a.webp", 1)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "real")
    assert find_pictures(tmp_path / "root") == [tmp_path / "root/linked/a.webp"]


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"x is no folder; expected a folder of \.png files"):
        find_pictures(tmp_path / "x", (".png",))
    with pytest.raises(UsageError, match=r"holds no picture; expected \.png files"):
        find_pictures(tmp_path, (".png",))


def test_first_folder(tmp_path):
    (tmp_path / "b").mkdir()
    assert first_folder(tmp_path / "a", tmp_path / "b") == tmp_path / "b"
    assert first_folder(Path("/a"), Path("/b/c")) == Path("/a")
