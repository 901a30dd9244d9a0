# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.small_bag import BOX, write_labels, write_small_bag
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros import __version__
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.evaluation.evaluator import Evaluator
from cosme_ros.evaluation.gallery import LAPSE, MISS
from cosme_ros.evaluation.outputs import OutputSettings
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.evaluation.summary import BagEvaluation
from cosme_ros.reporting import figures
from cosme_ros.reporting.bag_page import TEMPLATE, page_content
from cosme_ros.reporting.environment import describe_environment
from cosme_ros.reporting.html import HTML_FILE, as_html, write_html

SCRIPT = "bag </li><script>alert(1)</script> is cut off"
FPR = 0.01  # which the tiny bundle's calibration table has


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> BagEvaluation:
    folder = tmp_path_factory.mktemp("page")
    evaluator = Evaluator(
        write_tiny_bundle(folder / "bundle"),
        EvaluationSettings(false_positive_rate=FPR, threads=1, pictures=2),
        jobs=1,
    )
    bags = [write_small_bag(folder / f"drive_{number}", frames=5) for number in range(2)]
    found = evaluator.evaluate(bags, outputs=[OutputSettings()] * 2)
    return replace(found, notes=(SCRIPT,), origin={"command": "python -m x '<y>'"})


@pytest.fixture(scope="module")
def page(evaluation: BagEvaluation) -> str:
    return as_html(TEMPLATE, **page_content(evaluation))


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
def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_it_needs_nothing_but_itself(elements: Elements, page: str) -> None:
    assert not {"link", "iframe"} & {tag for tag, _ in elements.found}
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert scripts == [{}] and not re.search(r"\b(fetch|XMLHttpRequest|import)\b", page)
    for tag, attributes in elements.found:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    assert not re.search(r"url\((?!#)", page)


def test_every_link_leads_somewhere(elements: Elements) -> None:
    places = {attributes.get("id") for _, attributes in elements.found}
    links = [
        attributes.get("href") or attributes.get("xlink:href")
        for tag, attributes in elements.found
        if tag == "a"
    ]
    assert "#picture0" in links and "#picture1" in links
    assert {link[1:] for link in links if link} <= places


def test_a_mark_of_the_timeline_opens_its_picture(page: str) -> None:
    assert 'xlink:href="#picture0"' in page[: page.index("</svg>")]


def test_a_mark_opens_no_other_page(elements: Elements) -> None:
    assert not any("target" in attributes for _, attributes in elements.found)


def test_missed_are_those_that_are_never_found(tmp_path: Path) -> None:
    """One obstacle is found in every other frame, from the second on; one never."""
    bag = write_small_bag(tmp_path / "bag", frames=4)
    labels = write_labels(tmp_path / "labels", frames=4, boxes=[BOX, (20, 20, 40, 20)])
    settings = EvaluationSettings(
        false_positive_rate=FPR, threads=1, labels=LabelSettings(folder=labels)
    )
    evaluation = Evaluator(write_tiny_bundle(tmp_path / "bundle"), settings, jobs=1).evaluate([bag])
    found = evaluation.total.detection
    assert found is not None and (found.found, found.never) == (1, 1)
    pictures = evaluation.bags[0].pictures
    obstacles = {o.number: o.found_after for o in evaluation.bags[0].obstacles}
    assert [obstacles[p.group] for p in pictures[MISS]] == [None]
    assert [(obstacles[p.group], p.kind) for p in pictures[LAPSE]] == [(1, LAPSE)]
    page = as_html(TEMPLATE, **page_content(evaluation))
    assert "1 of 2 labelled obstacles is never found" in page
    assert "1 of 2</b>labelled obstacles found" in page
    (missed,) = (number for number, after in obstacles.items() if after is None)
    assert re.search(rf'<a href="#picture0">obstacle {missed}</a>', page)


def test_the_rates_to_set_are_printed(elements: Elements, evaluation: BagEvaluation) -> None:
    settings = [rate.setting for rate in evaluation.advised_rates if rate.setting]
    assert settings
    for setting in settings:
        assert setting in elements.text


def test_drives_unlike_those_of_the_fit_are_to_be_fitted(evaluation: BagEvaluation) -> None:
    """Calibration would raise the line until obstacles are lost too."""
    far_more = tuple(
        replace(row, observed_normal=min(1.0, 50 * row.promised_rate))
        for row in evaluation.total.exceedance
    )
    strange = replace(evaluation, total=replace(evaluation.total, exceedance=far_more))
    (warning,) = (text for text in page_content(strange)["warnings"] if "fitted on" in text)
    assert "fit a bundle to their pictures" in warning
    assert "Calibrate on your own drives" not in warning
    assert not any("fitted on" in text for text in page_content(evaluation)["warnings"])


def test_its_own_version_is_in_the_environment() -> None:
    assert describe_environment()["libraries"]["cosme_ros"] == __version__


def test_text_is_text(elements: Elements, evaluation: BagEvaluation) -> None:
    assert evaluation.total.pixels is not None
    average_precision = f"{evaluation.total.pixels.average_precision:.3f}"
    for text in (SCRIPT, "python -m x '<y>'", average_precision, "drive_0, drive_1"):
        assert text in elements.text


def test_two_drawings_share_no_names() -> None:
    """Of clip paths and the like: the second would be cut by the first one's."""
    drawings = [
        figures.timeline(name, [0.0, 1.0], [0.5, scale], [None, None], [])
        for name, scale in (("0", 2.0), ("1", 20.0))
    ]
    names = [set(re.findall(r'<clipPath id="([^"]+)"', drawing)) for drawing in drawings]
    assert names[0] and not names[0] & names[1]


def test_the_same_page_gives_the_same_bytes(
    page: str, evaluation: BagEvaluation, tmp_path: Path
) -> None:
    file = write_html(tmp_path, TEMPLATE, **page_content(evaluation))
    assert file == tmp_path / HTML_FILE and file.read_text(encoding="utf-8") == page


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
