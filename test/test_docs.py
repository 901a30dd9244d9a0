# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The documentation: links lead somewhere, files exist, commands and their options exist."""

import ast
import doctest
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from cosme_ros.__main__ import MODULES, NODES

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/tutorials/*.md",
        "training/*.md",
        "test/benchmark/*.md",
        "test/attack/*.md",
    )
    for page in REPOSITORY.glob(pattern)
)
FOLDERS = (
    "cosme_ros/",
    "training/",
    "test/",
    "docs/",
    "config/",
    "launch/",
    "demo/",
    ".ci/",
)
PLACEHOLDERS = ("COMMAND", "NODE", "EXECUTABLE")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def prose(page: Path) -> str:
    """Return the text without fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of headings as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(prose(page)):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    for span in _SPAN.findall(prose(page)):
        words = span.split()
        if len(words) == 1 and span.startswith(FOLDERS) and not re.search(r"[{<*:]", span):
            assert (REPOSITORY / span).exists(), span


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    for command in commands(page):
        check(command)


def test_there_are_commands_to_check() -> None:
    found = [command for page in PAGES for command in commands(page)]
    assert len([words for words in found if "cosme_ros" in words]) > 20
    assert len([words for words in found if "training" in words]) > 10


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command in shell blocks and in code spans."""
    text = page.read_text(encoding="utf-8")
    for language, block in _FENCE.findall(text):
        assert language != "sh", "```bash is what this test looks for"
        if language == "bash":
            for line in block.replace("\\\n", " ").splitlines():
                yield from _split(line)
    for span in _SPAN.findall(prose(page)):
        yield from _split(" ".join(span.split()))


def _split(line: str) -> Iterator[list[str]]:
    for part in re.split(r"&&|\|", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:  # no shell command: an apostrophe in a span
            continue
        if words:
            yield words


def check(words: list[str]) -> None:
    """Assert that what a command names exists."""
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]  # variables of the environment
    if words[:1] == ["make"]:
        _check_make(words[1:])
    elif words[:3] == ["ros2", "run", "cosme_ros"] and len(words) > 3:
        _check_vehicle(words[3], words[4:])
    elif words[:3] == ["ros2", "launch", "cosme_ros"] and len(words) > 3:
        _check_launch(words[3], words[4:])
    elif words[1:3] == ["-m", "cosme_ros"] and len(words) > 3:
        _check_vehicle(words[3], words[4:])
    elif words[1:3] == ["-m", "training"] and len(words) > 3:
        _check_training(words[3], words[4:])
    elif len(words) > 1 and words[0].startswith("python") and words[1].endswith(".py"):
        _check_script(words[1], words[2:])


def _options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)} - {"--help"}


def _check_make(words: list[str]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for word in words:
        variable, is_variable, value = word.partition("=")
        if is_variable:
            assert re.search(rf"\$\({variable}\)|^{variable} ", makefile, re.M), word
            if variable == "OPTIONS" and words[0] == "demo":
                _check_vehicle("demo", shlex.split(value))
            elif variable == "OPTIONS" and words[0] == "bench":
                _check_script("test/benchmark/run.py", shlex.split(value))
        elif re.fullmatch(r"[a-z-]+", word):
            assert re.search(rf"^{word}:", makefile, re.M), word


def _check_vehicle(command: str, words: list[str]) -> None:
    if command in PLACEHOLDERS or command.startswith("-"):
        return
    assert command in MODULES, command
    if command in NODES:
        return
    unknown = _options(words) - _vehicle_options(command)
    assert not unknown, (command, unknown)


@cache
def _vehicle_options(command: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "cosme_ros", command, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if shown.returncode and "is not installed here" in shown.stderr:
        pytest.skip(shown.stderr)
    assert shown.returncode == 0, shown.stderr
    return set(re.findall(r"--[a-z-]+", shown.stdout))


def _check_launch(file: str, words: list[str]) -> None:
    assert (REPOSITORY / "launch" / file).exists(), file
    if file.startswith("replay"):
        pytest.importorskip("rosbags")
    launching = import_module("cosme_ros.launching." + file.removesuffix(".launch.py") + "_launch")
    arguments = (
        launching.declared_arguments(Path("file"))
        if file.startswith("detector")
        else launching.ARGUMENTS
    )
    for word in words:
        name, is_argument, _ = word.partition(":=")
        if is_argument and name != "NAME":
            assert name in arguments, word


def _check_training(command: str, words: list[str]) -> None:
    if command in PLACEHOLDERS or command.startswith("-"):
        return
    for needed in ("typer", "torch"):
        if find_spec(needed) is None:
            pytest.skip(f"needs {needed}")
    from typer.main import get_command

    from training.__main__ import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    assert command in known, command
    options = {
        option
        for parameter in known[command].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = _options(words) - options
    assert not unknown, (command, unknown)


def _check_script(script: str, words: list[str]) -> None:
    path = REPOSITORY / script
    assert path.exists(), script
    constants = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unknown = _options(words) - constants
    assert not unknown, (script, unknown)


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize(("name", "least"), [("README.md", 3), ("docs/python_api.md", 30)])
def test_examples_are_right(name: str, least: int) -> None:
    for needed in ("cv2", "onnxruntime", "rosbags", "joblib"):
        pytest.importorskip(needed)
    page = REPOSITORY / name
    shown = subprocess.run(
        [sys.executable, "-m", "doctest", "-o", "ELLIPSIS", str(page)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert shown.returncode == 0, shown.stdout
    examples = doctest.DocTestParser().get_examples(page.read_text(encoding="utf-8"))
    assert len(examples) >= least
