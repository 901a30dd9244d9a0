# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.adaptation.guard import MarkFigures
from cosme_ros.adaptation.journal import Forgotten, Journal, Mark, Undone, adapted_banks
from cosme_ros.adaptation.marks_file import MarksError, read_marks, write_marks
from cosme_ros.bundle.loading import load_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


def rows(count, channels, seed):
    drawn = np.random.default_rng(seed).normal(size=(count, channels))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def mark(number):
    return Mark(
        number=number,
        when="2026-01-01T00:00:00+00:00",
        who="anna@vehicle7, cosme_detector",
        camera="front",
        stamp=1_700_000_000_123_456_789,
        source="alarms",
        forced=False,
        figures=MarkFigures(120, 0.01, None, 1.2345678901234567, 2.0),
        prototypes={"bank_c4": rows(2, 7, number), "bank_lh": rows(1, 7, number + 9)},
        picture=b"\xff\xd8 a picture",
    )


@pytest.fixture
def path(tmp_path, bundle):
    path = tmp_path / "marks.jsonl"
    journal = Journal([mark(1), mark(2), Undone(2, "later", "anna"), mark(3)])
    write_marks(path, journal, bundle)
    return path


def test_what_is_read_is_what_was_written_to_the_bit(path, bundle):
    journal = read_marks(path, bundle)
    assert [m.number for m in journal.active()] == [1, 3]
    assert journal.entries[2] == Undone(2, "later", "anna")
    first, expected = journal.entries[0], mark(1)
    assert first.figures == expected.figures
    assert (first.stamp, first.who, first.picture) == (
        expected.stamp,
        expected.who,
        expected.picture,
    )
    assert first.prototypes.keys() == expected.prototypes.keys()
    for name, array in expected.prototypes.items():
        assert first.prototypes[name].tobytes() == array.tobytes()
    assert journal.next_number == 4


def test_no_file_is_no_mark(tmp_path, bundle):
    assert read_marks(tmp_path / "none.jsonl", bundle).active() == ()
    with pytest.raises(MarksError, match="there is no folder"):
        read_marks(tmp_path / "nowhere" / "none.jsonl", bundle)


def lines_of(path):
    return path.read_text().splitlines(keepends=True)


DAMAGE = {
    "a changed value": lambda text: text.replace('"forced": false', '"forced": true', 1),
    "a changed prototype": lambda text: text.replace('"float32": "', '"float32": "AAAA', 1),
    "a line less in the middle": lambda text: (
        "".join(text.splitlines(True)[:2]) + "".join(text.splitlines(True)[3:])
    ),
    "a line less at the end": lambda text: "".join(text.splitlines(True)[:-1]),
    "a cut line": lambda text: text[:-20],
    "swapped lines": lambda text: "".join(np.array(text.splitlines(True))[[0, 2, 1, 3, 4]]),
    "an added line": lambda text: text + text.splitlines(True)[-1],
    "no JSON": lambda text: text.replace("{", "", 2),
    "not ASCII": lambda text: text.replace("anna", "änna"),
    "another format": lambda text: text.replace('"format_version": 1', '"format_version": 2'),
    "nothing": lambda text: "",
    "deeply nested": lambda text: "[" * 100_000 + "\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_refused_with_a_sentence(path, bundle, damage):
    path.write_text(damage(path.read_text()), encoding="utf-8")
    with pytest.raises(MarksError, match=r"marks.jsonl is damaged or was changed: .*; restore"):
        read_marks(path, bundle)


def test_every_changed_byte_is_noticed(path, bundle):
    content = path.read_bytes()
    bundle_name = content.index(b'"tiny"')  # for people alone, and protected by nothing
    for place in range(0, len(content), 97):
        if bundle_name <= place < bundle_name + 6:
            continue
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(MarksError):
            read_marks(path, bundle)


def test_the_marks_of_another_bundle_are_refused(path, tmp_path):
    other = load_bundle(write_tiny_bundle(tmp_path / "other", seed=5))
    with pytest.raises(MarksError, match="belongs to another bundle"):
        read_marks(path, other)


def test_a_journal_that_contradicts_itself_is_refused(tmp_path, bundle):
    path = tmp_path / "marks.jsonl"
    write_marks(path, Journal([mark(1), Undone(2, "", "")]), bundle)
    with pytest.raises(MarksError, match="mark 2 is undone and was not the newest"):
        read_marks(path, bundle)


def test_prototypes_that_fit_no_bank_are_refused(tmp_path, bundle):
    wrong = mark(1)
    wrong.prototypes["bank_c4"] *= 2
    path = tmp_path / "marks.jsonl"
    write_marks(path, Journal([wrong]), bundle)
    with pytest.raises(MarksError, match="unit vectors"):
        read_marks(path, bundle)


def test_a_folder_is_no_file(tmp_path, bundle):
    with pytest.raises(MarksError, match="no regular file"):
        read_marks(tmp_path, bundle)


def test_nothing_in_the_file_is_pickled(path):
    for line in lines_of(path):
        json.loads(line)


def test_banks_without_marks_are_the_bundles_own(bundle):
    journal = Journal([mark(1), Forgotten("", "")])
    banks = adapted_banks(bundle.banks, journal.active())
    assert all(banks[name] is bank for name, bank in bundle.banks.items())
    grown = adapted_banks(bundle.banks, [mark(1), mark(2)])
    assert len(grown["bank_c4"]) == len(bundle.banks["bank_c4"]) + 4
    assert grown["bank_c5"] is bundle.banks["bank_c5"]
