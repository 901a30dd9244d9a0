# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cosme_ros.reporting import figures
from cosme_ros.reporting.html import (
    Figure,
    Page,
    Section,
    Table,
    Thumbnail,
    Tile,
    as_html,
    write_html,
)

PAGE = Page(
    title="A drive <b>&",
    lead="lead",
    tiles=(Tile("0.5", "AP", "note"),),
    warnings=("bag </li><script>alert(1)</script> is cut off",),
    sections=(
        Section("Empty"),
        Section(
            "Latency",
            ("a paragraph",),
            (
                Figure(
                    figures.timeline(
                        "0",
                        [0.0, 0.1, 0.2],
                        [0.5, 2.0, 0.5],
                        [True, None, False],
                        [figures.Mark("miss", 0.1, 2.0, "picture0")],
                    ),
                    "caption",
                ),
            ),
            (Table(("", "ms"), (("p50", "12.5"), ("p99", "31.0")), "of all"),),
            (
                Thumbnail("picture0", b"small0", b"large0", "first"),
                Thumbnail("picture1", b"small1", b"large1", "second"),
            ),
        ),
    ),
    facts=(("command", "python -m x '<y>'"),),
)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


@pytest.fixture
def elements() -> Elements:
    parser = Elements()
    parser.feed(as_html(PAGE))
    assert parser.open == []
    return parser


def test_it_needs_nothing_but_itself(elements: Elements) -> None:
    assert not {"script", "link", "iframe"} & {tag for tag, _ in elements.found}
    for tag, attributes in elements.found:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    assert not re.search(r"url\((?!#)", as_html(PAGE))


def test_every_link_leads_somewhere(elements: Elements) -> None:
    places = {attributes.get("id") for _, attributes in elements.found}
    links = [
        attributes.get("href") or attributes.get("xlink:href")
        for tag, attributes in elements.found
        if tag == "a"
    ]
    assert "#picture0" in links and "#picture1" in links
    assert {link[1:] for link in links if link} <= places


def test_a_mark_of_the_timeline_opens_its_picture() -> None:
    svg = PAGE.sections[1].figures[0].svg
    assert 'xlink:href="#picture0"' in svg


def test_text_is_text(elements: Elements) -> None:
    for text in (PAGE.title, PAGE.warnings[0], PAGE.facts[0][1], "p99", "31.0", "a paragraph"):
        assert text in elements.text


def test_two_drawings_share_no_names() -> None:
    """Of clip paths and the like: the second would be cut by the first one's."""
    drawings = [
        figures.timeline(name, [0.0, 1.0], [0.5, scale], [None, None], [])
        for name, scale in (("0", 2.0), ("1", 20.0))
    ]
    names = [set(re.findall(r'<clipPath id="([^"]+)"', drawing)) for drawing in drawings]
    assert names[0] and not names[0] & names[1]


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_html(tmp_path, PAGE).read_bytes()
    assert write_html(tmp_path, PAGE).read_bytes() == first


def test_a_long_timeline_keeps_its_peaks_and_its_size() -> None:
    peaks = [0.5] * 50_000
    peaks[31_234] = 77.0
    svg = figures.timeline("long", [0.1 * i for i in range(50_000)], peaks, [None] * 50_000, [])
    assert len(svg) < 200_000
    short = figures.timeline("long", [0.0, 0.1], [0.5, 77.0], [None, None], [])
    # The highest point is drawn at the same height in both.
    heights = [
        min(
            float(y)
            for _, y in re.findall(
                r"L (\S+) (\S+)", re.search(r'<path d="(M [^"]*)" clip-path', drawing).group(1)
            )
        )
        for drawing in (svg, short)
    ]
    assert heights[0] == pytest.approx(heights[1])


def test_a_video_is_played_from_beside_the_page_and_linked() -> None:
    page = Page("t", "l", sections=(Section("The drive", video="drive <1>.webm"),))
    text = as_html(page)
    assert '<video src="drive &lt;1&gt;.webm" controls' in text
    assert '<a href="drive &lt;1&gt;.webm">' in text
    assert "<video" not in as_html(PAGE)
