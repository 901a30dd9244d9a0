# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What all commands have in common."""

import importlib

import pytest

from cosme_ros import __version__
from cosme_ros.__main__ import COMMANDS, MODULES, NODES

CLI = [command for command in COMMANDS if command not in NODES]


@pytest.mark.parametrize("command", CLI)
def test_help_has_an_example_that_its_parser_takes(command, capsys) -> None:
    module = importlib.import_module(MODULES[command])
    with pytest.raises(SystemExit, match="0"):
        module.main(["--help"])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    prefix = f"Example: python -m cosme_ros {command} "
    assert last.startswith(prefix)
    module._parser().parse_args(last.removeprefix(prefix).split())


@pytest.mark.parametrize("command", CLI)
def test_version_is_shown(command, capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(MODULES[command]).main(["--version"])
    assert capsys.readouterr().out == f"cosme_ros {__version__}\n"


@pytest.mark.parametrize("command", CLI)
def test_an_unknown_option_is_wrong_usage(command) -> None:
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(MODULES[command]).main(["--frobnicate"])
