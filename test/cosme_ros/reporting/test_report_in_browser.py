# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The report's page in a real browser: by keyboard, on a narrow screen, in dark colours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import EXECUTABLE, Page
from helpers.small_bag import BOX, write_labels, write_small_bag
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.evaluation.evaluator import Evaluator
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.reporting.bag_page import write_page

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="no chromium or google-chrome here")

OPEN = "document.querySelector('dialog[open]')?.id ?? null"
FOCUS = "document.activeElement.getAttribute('href') || document.activeElement.tagName"
BEHIND = (
    "!!document.activeElement.closest('main *') && !document.activeElement.closest('dialog[open]')"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    bag = write_small_bag(folder / "bag", frames=4)
    labels = write_labels(folder / "labels", frames=4, boxes=[BOX, (20, 20, 40, 20)])
    settings = EvaluationSettings(
        false_positive_rate=0.01, threads=1, pictures=3, labels=LabelSettings(folder=labels)
    )
    evaluator = Evaluator(write_tiny_bundle(folder / "bundle"), settings, jobs=1)
    return write_page(folder, evaluator.evaluate([bag])).as_uri()


@pytest.fixture(scope="module")
def wide(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with Page(tmp_path_factory.mktemp("browser") / "profile", size=(1280, 900)) as page:
        page.open(address)
        page.run("window.unchanged = true")
        yield page


@pytest.fixture(scope="module")
def narrow(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with Page(profile, size=(390, 844), dark=True) as page:
        page.open(address)
        yield page


def test_a_mark_of_the_chart_opens_its_picture_in_this_page(wide: Page) -> None:
    wide.run("document.querySelector('figure svg a').focus()")
    wide.press("Enter")
    opened = wide.run(OPEN)
    assert opened == wide.run(
        "document.querySelector('figure svg a').getAttribute('xlink:href').slice(1)"
    )
    wide.press("Escape")
    assert wide.run(OPEN) is None
    assert wide.run("document.activeElement === document.querySelector('figure svg a')")
    assert wide.pages() == 1 and wide.run("window.unchanged") is True


def test_keys_in_the_enlarged_picture(wide: Page) -> None:
    first, second = wide.run(
        "[...document.querySelectorAll('dialog:has(a[rel=next])')].slice(0, 1)"
        ".flatMap(d => [d.id, d.querySelector('[rel=next]').getAttribute('href').slice(1)])"
    )
    wide.run(f"document.querySelector('.thumbnails a[href=\"#{first}\"]').focus()")
    wide.press("Enter")
    assert wide.run(OPEN) == first
    for shift in (False, False, False, True, True):
        wide.press("Tab", shift=shift)
        assert wide.run(BEHIND) is False
    wide.press("ArrowRight")
    assert wide.run(OPEN) == second
    wide.press("ArrowLeft")
    assert wide.run(OPEN) == first
    wide.press("Escape")
    assert wide.run(OPEN) is None
    assert wide.run(FOCUS) == f"#{first}"


def test_closing_by_the_link_leads_back(wide: Page) -> None:
    wide.run("document.querySelector('.thumbnails a').click()")
    assert wide.run("document.activeElement.className") == "close"
    wide.press("Enter")
    assert (wide.run(OPEN), wide.run(FOCUS)) == (None, "#picture0")


def test_a_picture_can_be_linked_to(address: str, tmp_path: Path) -> None:
    with Page(tmp_path / "profile", size=(800, 600)) as page:
        page.open(f"{address}#picture1")
        assert page.run(OPEN) == "picture1"


def test_nothing_is_wider_than_a_telephone(narrow: Page) -> None:
    assert narrow.run("document.documentElement.scrollWidth") == 390
    smallest = narrow.run(
        "Math.min(...[...document.querySelectorAll('figure svg text')]"
        ".map(t => parseFloat(getComputedStyle(t).fontSize)"
        " * Math.hypot(t.getScreenCTM().a, t.getScreenCTM().b)))"
    )
    assert smallest >= 8.5  # CSS pixels


def test_dark_colours_can_be_read(narrow: Page) -> None:
    contrast = """(() => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/\\d+/g).map(v => v / 255)
          .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const card = light(getComputedStyle(document.querySelector('section')).backgroundColor);
      const against = (what, name) => {
        const ink = light(getComputedStyle(document.querySelector(what))[name]);
        return (Math.max(ink, card) + 0.05) / (Math.min(ink, card) + 0.05);
      };
      return [card, against('section p', 'color'), against('figure svg text', 'fill'),
              against('figcaption', 'color'), against('td a', 'color')];
    })()"""
    card, *contrasts = narrow.run(contrast)
    assert card < 0.05  # dark
    assert min(contrasts) >= 4.5  # WCAG 2.2, level AA
