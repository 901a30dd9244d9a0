# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from training.__main__ import app

COMMANDS = ("datasets", "teacher", "import-teacher", "fit", "evaluate", "ablate", "make-bag",
            "halve", "quantise", "bfloat16", "demo")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_goes_in_and_out_and_what_comes_next(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    pieces = ("Example:", f"training {command}", "Next:", "--version")
    if command != "demo":  # which needs nothing
        pieces = ("Goes in:", "Comes out:", *pieces)
    for piece in pieces:
        assert piece in result.output, piece


def test_runs_as_a_module_and_lists_its_commands():
    run = subprocess.run(
        [sys.executable, "-m", "training", "--help"], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0
    for command in (*COMMANDS, "Example:"):
        assert command in run.stdout


def test_version():
    for arguments in (["--version"], ["fit", "--version"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0 and result.output.startswith("cosme_ros ")
