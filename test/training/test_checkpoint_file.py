# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A file of torch's is what was written, or it is refused in a sentence; nothing in it is run."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.checkpoint_file import read_checkpoint, save_checkpoint
from training.compute import ALONE, load_progress
from training.errors import UsageError
from training.teachers.backbones import read_backbone_weights
from training.teachers.loading import open_teacher
from training.teachers.public_weights import read_weights

SIZES = [(64, 64)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "memory.pt"
    generator = torch.Generator().manual_seed(0)
    banks = {"c5": torch.rand((40, 50), generator=generator)}
    save_checkpoint(path, {"step": 3, "banks": banks})
    return path


def read(path: Path):
    return read_checkpoint(path, ("step", "banks"), what="progress", remedy="delete it")


def test_what_was_written_is_read(file: Path) -> None:
    assert read(file)["step"] == 3
    assert not list(file.parent.glob("*.part"))


def test_one_flipped_bit_is_another_file(file: Path) -> None:
    content = file.read_bytes()
    expected = read(file)["banks"]["c5"]
    refused = 0
    for place in np.random.default_rng(0).integers(0, len(content), 300).tolist():
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        try:
            found = read(file)
        except UsageError as error:
            assert str(error).startswith(str(file)) and str(error).endswith("delete it")
            refused += 1
        else:  # in the padding between two records
            assert found["step"] == 3 and torch.equal(found["banks"]["c5"], expected)
    assert refused > 200


class Intruder:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def foreign(kind: str, file: Path) -> None:
    content = file.read_bytes()
    if kind == "photo.jpg":
        cv2.imwrite(str(file.with_suffix(".jpg")), np.zeros((50, 60, 3), np.uint8))
        file.write_bytes(file.with_suffix(".jpg").read_bytes())
    elif kind == "pickle":
        file.write_bytes(pickle.dumps(Intruder(file.with_name("mark"))))
    elif kind == "objects":
        torch.save({"step": 1, "banks": Intruder(file.with_name("mark"))}, file)
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "a folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(content[: int(len(content) * float(kind))])


KINDS = ("photo.jpg", "pickle", "objects", "empty", "0.1", "0.5", "0.99")


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_files_get_a_sentence(file: Path, kind: str) -> None:
    foreign(kind, file)
    fabric = ALONE.launch()
    for reader in (
        read,
        lambda path: load_progress(fabric, path, "step", "banks"),
        lambda path: open_teacher(str(path), sizes=SIZES),
        read_backbone_weights,
        read_weights,
    ):
        with pytest.raises(UsageError) as refusal:
            reader(file)
        sentence = str(refusal.value)
        assert str(file) in sentence and "\n" not in sentence and len(sentence) < 600
        assert "weights_only" not in sentence and "trust" not in sentence
    assert not file.with_name("mark").exists()


def test_another_dictionary_is_told_by_what_it_lacks(file: Path) -> None:
    save_checkpoint(file, {"step": 3})
    with pytest.raises(UsageError, match=r"memory.pt is no progress: it lacks banks; delete it"):
        read(file)
    with pytest.raises(UsageError, match=r"is no progress of this run: it lacks banks; delete it"):
        load_progress(ALONE.launch(), file, "step", "banks")


def test_a_full_disk_leaves_what_was_there(file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    before = file.read_bytes()
    file.with_name("memory.pt.part").symlink_to("/dev/full")
    with pytest.raises(UsageError, match=r"memory.pt cannot be written"):
        save_checkpoint(file, {"step": 4, "banks": {}})
    assert file.read_bytes() == before
