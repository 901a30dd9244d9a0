# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training datasets`."""

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.datasets.inspection import Inspection
    from training.datasets.interface import Entry
    from training.datasets.registry import Dataset, Form

_WIDTH = 100
_INDENT = 10


def datasets(
    which: Annotated[
        str | None,
        typer.Argument(metavar="NAME|NAME=PATH", help="One of them, or one on your disk."),
    ] = None,
    frames: Annotated[
        int, typer.Option(min=0, help="How many frames to read for a check; 0 reads all.")
    ] = 10,
) -> None:
    """List the data sets that the other commands read, and check those on your disk.

    Goes in: nothing; or a NAME; or NAME=PATH[:SPLIT], the spelling by which other commands open
    a data set too. A folder of your own is NAME=PATH?LABELS, where LABELS says what the values
    in labels/ mean: VALUE:ID,... to 0 normal, 1 anomaly, 255 not judged; or a class list
    (camvid, cityscapes, streethazards, synthetic, or a JSON file).

    Comes out: for each what its labels are, its splits (the first is the default), the files that
    are expected, where it is to be had and on what terms. With a PATH: whether the files there
    are the expected ones, how many frames there are, of what sizes, and the share of each label.
    Nothing is downloaded and nothing is written.

    Example:

        python -m training datasets

        python -m training datasets lost_and_found

        python -m training datasets lost_and_found=/data/lost_and_found:train

        python -m training datasets 'mine=/data/mine?0:0,2:1' --frames 0

    Next: `python -m training teacher` where labels are classes, `fit` on normal frames,
    `evaluate` where labels are anomalies.
    """
    from training.datasets.inspection import inspect
    from training.datasets.registry import FORMS, PUBLISHED, open_dataset

    if which is None:
        for entry in PUBLISHED.values():
            typer.echo(_published(entry))
        for form in FORMS.values():
            typer.echo(_form(form))
    elif which in PUBLISHED:
        typer.echo(_published(PUBLISHED[which]))
    elif which in FORMS:
        typer.echo(_form(FORMS[which]))
    else:
        dataset = open_dataset(which)
        typer.echo(_found(dataset, inspect(dataset, frames or None)))


def _published(entry: "Entry") -> str:
    labels = [f"{split} ({kind})" for split, kind in entry.splits.items()]
    lines = [
        _line("splits", ", ".join(labels)),
        _line("layout", entry.layout),
        _line("from", entry.address),
        _line("terms", entry.terms),
        _line("spelling", f"{entry.name}=PATH[:SPLIT]"),
    ]
    if entry.classes is not None:
        names = ", ".join(c.name for c in entry.classes.classes)
        lines.insert(1, _line("classes", f"{len(entry.classes.classes)}: {names}"))
    return "\n".join([f"{entry.name}: {entry.title}", *lines, ""])


def _form(form: "Form") -> str:
    lines = [_line("layout", form.layout), _line("spelling", form.spelling)]
    return "\n".join([f"{form.name}: {form.title}", *lines, ""])


def _found(dataset: "Dataset", found: "Inspection") -> str:
    if dataset.classes is None:
        names = {0: "normal", 1: "anomaly"}
    else:
        names = {number: c.name for number, c in enumerate(dataset.classes.classes)}
    sizes = [f"{width}x{height} ({n})" for (height, width), n in found.sizes.most_common(5)]
    others = len(found.sizes) - len(sizes)
    shares = [f"{name} {found.share(number):.2%}" for number, name in names.items()]
    lines = [
        _line("frames", f"{found.frames}, {found.read} of them read"),
        _line("sizes", ", ".join(sizes) + (f", and {others} more" if others else "")),
        _line("pixels", ", ".join([*shares, f"ignored {found.share(255):.2%}"])),
    ]
    if dataset.kind == "anomalies" and not found.pixels[1]:
        lines.append(_line("note", "no anomaly in the frames read; --frames 0 reads all of them"))
    return "\n".join([f"{dataset.name}: {dataset.title}, labels are {dataset.kind}", *lines])


def _line(head: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent=f"  {head}".ljust(_INDENT) + "  ",
        subsequent_indent=" " * (_INDENT + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
