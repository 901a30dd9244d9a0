# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reports as one HTML file that needs nothing else: no network, no script, no other file.

The one exception is a video, which stays a file beside the page: in it, it would be half as large
again. The templates `*.html.j2` beside this file define the pages; they are given the content
of report.json, drawings as SVG text, and pictures.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cosme_ros.atomic_files import write_atomically
from cosme_ros.evaluation.settings import listed
from cosme_ros.visualization.text import counted

HTML_FILE = "report.html"


@dataclass(frozen=True)
class Thumbnail:
    """A small picture that shows a large one when clicked. Both JPEG."""

    anchor: str
    """Unique in the page; a figure links to it by `#anchor`."""
    small: bytes
    large: bytes
    caption: str


def write_html(folder: Path, template: str, **content: Any) -> Path:
    """Write HTML_FILE to `folder`, as `as_html` renders it."""
    file = folder / HTML_FILE
    write_atomically(file, as_html(template, **content))
    return file


def as_html(template: str, **content: Any) -> str:
    """Render a template of this package; all text in it is escaped but the figures' SVG."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        counted=counted,
        duration=_duration,
        jpeg=_jpeg,
        listed=listed,
        meanings=lambda of: "; ".join(f"{name}: {listed(held)}" for name, held in of.items()),
        number=lambda value: _formatted(value, "{:.2f}"),
        percent=lambda value: _formatted(value, "{:.1%}").replace("%", " %"),
        share=lambda value: _formatted(value, "{:.3f}"),
        svg=Markup,
    )
    return environment.get_template(template).render(content)


def _formatted(value: Any, form: str) -> str:
    missing = value is None or isinstance(value, jinja2.Undefined)
    return "-" if missing else form.format(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{rest:.1f} s" if not minutes else f"{minutes:.0f} min {rest:.0f} s"


def _jpeg(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
