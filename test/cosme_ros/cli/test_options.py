# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import argparse

import pytest

from cosme_ros.cli.options import add_node_options
from cosme_ros.parameters import PARAMETERS_BY_NAME, Settings

NAMES = ("provider", "false_positive_rate", "region", "minimum_area", "threads")


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_node_options(parser, *NAMES)
    return parser.parse_args(given)


def test_options_are_the_parameters() -> None:
    assert vars(options()) == {name: getattr(Settings, name) for name in NAMES}
    given = options("--minimum-area", "9", "--false-positive-rate", "1e-5", "--region", "drivable")
    assert given.minimum_area == 9 and type(given.minimum_area) is int
    assert (given.false_positive_rate, given.region) == (1e-5, "drivable")


def test_help_tells_what_the_node_tells(capsys) -> None:
    with pytest.raises(SystemExit):
        options("--help")
    said = " ".join(capsys.readouterr().out.split())
    for name in NAMES:
        row = PARAMETERS_BY_NAME[name]
        assert f"{row.description} (default: {row.default})" in said.replace("- ", "-")


def test_a_text_is_taken_as_it_is(capsys) -> None:
    parser = argparse.ArgumentParser()
    add_node_options(parser, "static_mask")
    assert parser.parse_args([]).static_mask == ""
    assert parser.parse_args(["--static-mask", "my bonnet.png"]).static_mask == "my bonnet.png"
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "white where the camera's image is looked at" in text and "(default: none)" in text


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--minimum-area", "-1", "'-1' is no whole number from 0 to 100000000"),
        ("--minimum-area", "1.5", "'1.5' is no whole number from 0 to"),
        ("--false-positive-rate", "nan", "'nan' is no number from 0.0 to 0.5"),
        ("--threads", "many", "'many' is no whole number from 0 to 1024"),
        ("--region", "road", "'road' (choose from"),
    ],
)
def test_what_the_node_would_refuse_is_refused(capsys, option, value, sentence) -> None:
    with pytest.raises(SystemExit):
        options(option, value)
    assert sentence in capsys.readouterr().err
