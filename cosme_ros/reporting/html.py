# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A report as one HTML file that needs nothing else: no network, no script, no other file.

The one exception is a video, which stays a file beside the page: in it, it would be half as large
again.

Knows nothing of what it shows: whoever has figures makes a Page of them.
"""

import base64
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from cosme_ros.atomic_files import write_atomically

HTML_FILE = "report.html"
_TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Table:
    """Cells are text; the first of a row is its title."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG text, for example of `svg_figures`."""

    svg: str
    caption: str = ""


@dataclass(frozen=True)
class Thumbnail:
    """A small picture that shows a large one when clicked. Both JPEG."""

    anchor: str
    """Unique in the page; a figure links to it by `#anchor`."""
    small: bytes
    large: bytes
    caption: str


@dataclass(frozen=True)
class Section:
    """A part of the page: whatever of it there is, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()
    video: str = ""
    """Name of a video file beside the page; empty: none."""


@dataclass(frozen=True)
class Tile:
    """A figure to be seen first."""

    value: str
    title: str
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lead: str
    """What it is about, in a sentence."""
    tiles: tuple[Tile, ...] = ()
    warnings: tuple[str, ...] = ()
    """What could not be read, and what else must not be overlooked."""
    sections: tuple[Section, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """How it was made: name and value."""


def write_html(folder: Path, page: Page) -> Path:
    """Write HTML_FILE to `folder`."""
    file = folder / HTML_FILE
    write_atomically(file, as_html(page))
    return file


def as_html(page: Page) -> str:
    """The page's text; everything in it is escaped but the figures' SVG."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["jpeg"] = _jpeg
    environment.filters["svg"] = Markup
    source = files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(page=page)


def _jpeg(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
