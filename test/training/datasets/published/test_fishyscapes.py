# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pickle

import cv2
import numpy as np
import pytest

from training.datasets.registry import open_dataset
from training.errors import UsageError

STREET = "04_Maurener_Weg_8"
FRAME = f"{STREET}_000000_000030"
LOST = f"leftImg8bit/train/{STREET}/{FRAME}_leftImg8bit.png"
CITY = "frankfurt_000001_046504"


@pytest.fixture
def laf(put, put_label):
    put(LOST, 8)
    put(f"leftImg8bit/test/{STREET}/{STREET}_000001_000010_leftImg8bit.png", 1)
    put_label(f"fishyscapes_lostandfound/0000_{FRAME}_labels.png", [[0, 1, 255], [0, 0, 1]])


@pytest.fixture
def static(tmp_path, put, put_label):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (2, 3, 3), np.uint8)
    overlay = rng.integers(-255, 256, (2, 3, 3)).astype(np.int16)
    put(f"leftImg8bit/val/frankfurt/{CITY}_leftImg8bit.png", base)
    put_label(f"fs_val_v3/0003_{CITY}_labels.png", [[0, 1, 255], [0, 0, 1]])
    np.savez(tmp_path / f"fs_val_v3/0003_{CITY}_rgb.npz", rgb=overlay)
    return base, overlay


def test_lost_and_found_pairs_masks_with_the_original_pictures(tmp_path, laf):
    dataset = open_dataset(f"fishyscapes_lost_and_found={tmp_path}")
    assert (len(dataset.source), dataset.kind) == (1, "anomalies")
    image, label = dataset.source[0]
    assert np.all(image == 8)
    np.testing.assert_array_equal(label, [[0, 1, 255], [0, 0, 1]])
    assert dataset.source.frame_name(0) == f"0000_{FRAME}"


def test_lost_and_found_may_be_linked_in(tmp_path, laf):
    root = tmp_path / "linked"
    root.mkdir()
    for name in ("leftImg8bit", "fishyscapes_lostandfound"):
        (root / name).symlink_to(tmp_path / name)
    assert len(open_dataset(f"fishyscapes_lost_and_found={root}").source) == 1


def test_lost_and_found_without_the_picture_of_a_mask(tmp_path, laf, put_label):
    put_label("fishyscapes_lostandfound/0001_02_Street_000000_000020_labels.png", [[0]])
    with pytest.raises(
        UsageError,
        match=r"1 of 2 labels have no image.*02_Street_000000_000020_leftImg8bit\.png of Lost and",
    ):
        open_dataset(f"fishyscapes_lost_and_found={tmp_path}")


def test_lost_and_found_unknown_value(tmp_path, laf, put_label):
    put_label(f"fishyscapes_lostandfound/0000_{FRAME}_labels.png", [[0, 2, 255], [0, 0, 1]])
    with pytest.raises(UsageError, match="holds the label value 2"):
        open_dataset(f"fishyscapes_lost_and_found={tmp_path}").source[0]


def test_static_adds_the_overlay_to_its_city(tmp_path, static):
    dataset = pickle.loads(pickle.dumps(open_dataset(f"fishyscapes_static={tmp_path}")))
    base, overlay = static
    image, label = dataset.source[0]
    for row, column, channel in np.ndindex(2, 3, 3):
        # Pictures are BGR here, overlays RGB.
        value = int(base[row, column, channel]) + int(overlay[row, column, 2 - channel])
        assert image[row, column, channel] == min(max(value, 0), 255)
    np.testing.assert_array_equal(label, [[0, 1, 255], [0, 0, 1]])
    assert image.dtype == np.uint8


def test_static_without_an_overlay(tmp_path, static):
    (tmp_path / f"fs_val_v3/0003_{CITY}_rgb.npz").rename(
        tmp_path / "fs_val_v3/0009_ulm_000000_000000_rgb.npz"
    )
    with pytest.raises(UsageError, match=r"expected 0009_ulm_000000_000000_labels\.png beside it"):
        open_dataset(f"fishyscapes_static={tmp_path}")
    (tmp_path / "fs_val_v3/0009_ulm_000000_000000_rgb.npz").unlink()
    with pytest.raises(UsageError, match=r"holds no picture; expected _rgb\.npz files"):
        open_dataset(f"fishyscapes_static={tmp_path}")


def test_static_without_a_city(tmp_path, static):
    path = tmp_path / f"leftImg8bit/val/frankfurt/{CITY}_leftImg8bit.png"
    path.rename(path.with_name("frankfurt_000000_000000_leftImg8bit.png"))
    with pytest.raises(UsageError, match=rf"expected {CITY}_leftImg8bit\.png of Cityscapes"):
        open_dataset(f"fishyscapes_static={tmp_path}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"bgr": np.zeros((2, 3, 3))}, r"no NumPy archive with an array 'rgb'"),
        ({"rgb": np.zeros((2, 2, 3))}, r"array of \(2, 2, 3\), its picture .* of \(2, 3, 3\)"),
        ({"rgb": np.array([None])}, r"no NumPy archive"),
    ],
)
def test_static_with_a_strange_overlay(tmp_path, static, content, message):
    np.savez(tmp_path / f"fs_val_v3/0003_{CITY}_rgb.npz", **content)
    with pytest.raises(UsageError, match=message):
        open_dataset(f"fishyscapes_static={tmp_path}").source[0]


def test_static_with_a_cut_off_overlay(tmp_path, static):
    path = tmp_path / f"fs_val_v3/0003_{CITY}_rgb.npz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UsageError, match="no NumPy archive"):
        open_dataset(f"fishyscapes_static={tmp_path}").source[0]


@pytest.mark.parametrize("name", ["fishyscapes_lost_and_found", "fishyscapes_static"])
def test_repackaged(tmp_path, put, put_label, name):
    put("original/3.webp", 200)
    put_label("labels/3.png", [[0, 1, 255], [0, 0, 1]])
    image, label = open_dataset(f"{name}={tmp_path}").source[0]
    assert cv2.absdiff(image, np.full_like(image, 200)).max() < 8  # webp is lossy
    np.testing.assert_array_equal(label, [[0, 1, 255], [0, 0, 1]])
