# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The classes of a teacher, and which label values stand for them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.datasets.readers.label_map import IGNORE, LabelMap
from training.errors import UsageError


@dataclass(frozen=True)
class SegmentationClass:
    """One class; its place in the list is its id.

    Attributes:
        name: for people.
        colour: RGB, 0..255.
        drivable: part of the area an obstacle would be in the way on.
    """

    name: str
    colour: tuple[int, int, int]
    drivable: bool


@dataclass(frozen=True)
class ClassList:
    """Classes, and the map from label values to their places in the list."""

    classes: tuple[SegmentationClass, ...]
    label_map: LabelMap


def read_class_list(path: Path) -> ClassList:
    """Read a class list from a JSON file.

    Raises:
        UsageError: no such file, or not of the documented format.
    """
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"class list {path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is no class list ({type(error).__name__}: {error}); "
            "`python -m training teacher --help` shows the format"
        ) from error


def _from_json(content: dict[str, Any]) -> ClassList:
    classes: list[SegmentationClass] = []
    ids: dict[int, int] = {}
    for entry in content["classes"]:
        red, green, blue = (int(value) for value in entry["colour"])
        if not all(0 <= value <= 255 for value in (red, green, blue)):
            raise ValueError(f"colour {entry['colour']} is not three numbers from 0 to 255")
        if not isinstance(entry["drivable"], bool):
            raise TypeError(f"drivable of {entry['name']!r} is {entry['drivable']!r}, no boolean")
        labels = entry["label"] if isinstance(entry["label"], list) else [entry["label"]]
        for label in labels:
            _claim(ids, int(label), len(classes))
        classes.append(SegmentationClass(str(entry["name"]), (red, green, blue), entry["drivable"]))
    for label in content.get("ignore", []):
        _claim(ids, int(label), IGNORE)
    if not 2 <= len(classes) <= IGNORE:
        raise ValueError(f"{len(classes)} classes; expected 2 to {IGNORE}")
    return ClassList(tuple(classes), LabelMap(ids))


def _claim(ids: dict[int, int], label: int, class_id: int) -> None:
    if label in ids:
        raise ValueError(f"the label value {label} is given twice")
    ids[label] = class_id
