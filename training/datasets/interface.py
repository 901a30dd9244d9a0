# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is known of a published data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from training.datasets.opening import FrameSource, LabelledSource
from training.datasets.readers.class_list import ClassList

Kind = Literal["classes", "anomalies"]
"""What labels are: ids of a class list, or 0 normal and 1 anomaly; 255 is ignored in both."""


class NamedSource(LabelledSource, Protocol):
    """Labelled frames that have names, and can be read without their labels."""

    @property
    def images(self) -> FrameSource:
        """The same frames; their labels are not read."""
        ...

    def frame_name(self, index: int) -> str:
        """Return what to call a frame in a report, unique in its set."""
        ...


@dataclass(frozen=True)
class Entry:
    """A data set that others publish.

    Attributes:
        name: on the command line.
        title: in tables.
        splits: what the labels of each are; the first is the default.
        classes: of the splits whose labels are classes.
        layout: the files that are expected below the root, for people.
        address: where it is to be had.
        terms: of use, in a phrase.
        open: from root folder and split to the frames; lists files, decodes nothing. Raises
            UsageError where the layout is another or a label is missing.
    """

    name: str
    title: str
    splits: Mapping[str, Kind]
    layout: str
    address: str
    terms: str
    open: Callable[[Path, str], NamedSource]
    classes: ClassList | None = None

    @property
    def default_split(self) -> str:
        """The split that is meant when none is given."""
        return next(iter(self.splits))
