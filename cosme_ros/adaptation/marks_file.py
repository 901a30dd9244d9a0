# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The marks on disk: JSON Lines with a hash chain, beside the bundle, which stays as it is.

The first line is the header: format, whose marks they are, how many lines follow, and the hash of
the last. Every other line is an entry of the journal and holds the hash of the line before. So a
changed, missing, added or reordered line is noticed, at the end of the file too. Nothing is
pickled; prototypes are float32 in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from cosme_ros.adaptation.guard import MarkFigures
from cosme_ros.adaptation.journal import Entry, Forgotten, Journal, Mark, Undone
from cosme_ros.atomic_files import write_atomically
from cosme_ros.bundle.loading import Bundle
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.inference.memory_features import checked_banks

FORMAT_VERSION = 1
LARGEST_FILE = 1 << 28
"""Bytes; a larger file is refused before it is read."""

_REMEDY = "restore a copy, or move it away to begin without marks"


class MarksError(ValueError):
    """A marks file cannot be used; the sentence names it and says what would be right."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence, MOST_OF_A_SENTENCE))


def networks_digest(bundle: Bundle) -> str:
    """Return the SHA-256 that stands for a bundle's graphs and banks.

    Marks hold features of these graphs. A new calibration changes neither, so that marks outlive
    it.
    """
    files = {name: entry["sha256"] for name, entry in bundle.manifest["files"].items()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode("ascii")).hexdigest()


def read_marks(path: Path, bundle: Bundle) -> Journal:
    """Read a marks file, all of which must be as it was written.

    Args:
        path: of the file; where there is none, nothing has been marked yet.
        bundle: the marks must belong to.

    Raises:
        MarksError: the file cannot be read, is damaged, or belongs to another bundle.
    """
    try:
        if not path.exists():
            if not path.parent.is_dir():
                raise MarksError(f"{path} cannot be written: there is no folder {path.parent}")
            return Journal()
        if not path.is_file():
            raise MarksError(f"{path} is no regular file; a file of marks is right")
        if path.stat().st_size > LARGEST_FILE:
            raise MarksError(f"{path} has more than {LARGEST_FILE} bytes; it is no file of marks")
        content = path.read_bytes()
    except OSError as error:
        raise MarksError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _parsed(content, bundle)
    except _OtherBundle as error:
        raise MarksError(
            f"{path} belongs to another bundle ({error}); the marks of bundle {bundle.name} are "
            "right, or a new name to begin without marks"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MarksError(f"{path} is damaged or was changed: {error}; {_REMEDY}") from error


def existing_marks(path: Path, bundle: Bundle) -> tuple[Mark, ...]:
    """Return the marks that hold in a file, which must be there.

    Args:
        path: of the file.
        bundle: the marks must belong to.

    Raises:
        MarksError: there is no file, or it cannot be used.
    """
    file = path.expanduser()
    if not file.exists():
        raise MarksError(f"{file} does not exist; a file of marks is right")
    return read_marks(file, bundle).active()


def write_marks(path: Path, journal: Journal, bundle: Bundle) -> None:
    """Write a marks file whole, or leave the old one.

    Raises:
        MarksError: it cannot be written.
    """
    networks = networks_digest(bundle)
    lines: list[str] = []
    previous = _hash(networks)
    for entry in journal.entries:
        lines.append(json.dumps({**_record(entry), "previous": previous}, allow_nan=False))
        previous = _hash(lines[-1])
    header = {
        "format_version": FORMAT_VERSION,
        "bundle": bundle.name,
        "networks": networks,
        "lines": len(lines),
        "last": previous,
    }
    try:
        write_atomically(path, "".join(f"{line}\n" for line in (json.dumps(header), *lines)))
    except OSError as error:
        raise MarksError(f"{path} cannot be written: {error.strerror}") from error


class _OtherBundle(Exception):  # noqa: N818, says whose they are
    """Whose marks they are."""


def _parsed(content: bytes, bundle: Bundle) -> Journal:
    lines = content.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("its last line is cut off")
    if not lines:
        raise ValueError("it is empty")
    header = _object(lines.pop(0), 1)
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"format_version is {version!r}; {FORMAT_VERSION} is right")
    networks = networks_digest(bundle)
    if header["networks"] != networks:
        raise _OtherBundle(printable(header.get("bundle", "unnamed")))
    if len(lines) != header["lines"]:
        raise ValueError(f"{len(lines)} lines follow the header, which says {header['lines']}")
    previous = _hash(networks)
    records = []
    for number, line in enumerate(lines, start=2):
        record = _object(line, number)
        if record.pop("previous", None) != previous:
            raise ValueError(f"line {number} does not continue the line before it")
        previous = _hash(line)
        records.append(record)
    if previous != header["last"]:
        raise ValueError("the last line is not the one that the header names")
    journal = Journal([_entry(record, bundle) for record in records])
    journal.active()
    return journal


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"line {number} is no JSON object")
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _record(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Undone):
        return {"kind": "undone", **asdict(entry)}
    if isinstance(entry, Forgotten):
        return {"kind": "forgotten", **asdict(entry)}
    return {
        "kind": "mark",
        "number": entry.number,
        "when": entry.when,
        "who": entry.who,
        "camera": entry.camera,
        "stamp": entry.stamp,
        "source": entry.source,
        "forced": entry.forced,
        "figures": asdict(entry.figures),
        "prototypes": {
            name: {
                "shape": list(rows.shape),
                "float32": base64.b64encode(rows.astype("<f4").tobytes()).decode("ascii"),
            }
            for name, rows in entry.prototypes.items()
        },
        "picture": base64.b64encode(entry.picture).decode("ascii"),
    }


def _entry(record: Mapping[str, Any], bundle: Bundle) -> Entry:
    values = dict(record)
    kind = values.pop("kind")
    if kind == "undone":
        return Undone(int(values["number"]), str(values["when"]), str(values["who"]))
    if kind == "forgotten":
        return Forgotten(str(values["when"]), str(values["who"]))
    if kind != "mark":
        raise ValueError(f"there is no entry of kind {kind!r}")
    return Mark(
        number=int(values["number"]),
        when=str(values["when"]),
        who=str(values["who"]),
        camera=str(values["camera"]),
        stamp=int(values["stamp"]),
        source=str(values["source"]),
        forced=bool(values["forced"]),
        figures=MarkFigures(**{f.name: values["figures"][f.name] for f in fields(MarkFigures)}),
        prototypes=checked_banks(
            bundle.manifest,
            {name: _rows(stored) for name, stored in values["prototypes"].items()},
        ),
        picture=_decoded(values["picture"]),
    )


def _rows(stored: Mapping[str, Any]) -> np.ndarray:
    count, channels = (int(length) for length in stored["shape"])
    flat = np.frombuffer(_decoded(stored["float32"]), "<f4").astype(np.float32)
    return flat.reshape(count, channels)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a value is no base64: {error}") from error
