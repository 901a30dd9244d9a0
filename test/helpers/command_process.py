# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Commands as users run them: a process of its own, which starts others."""

import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 300.0  # for an answer that has to come; nothing is asserted to be fast


def start_command(
    command: str, *arguments: str, environment: dict[str, str] | None = None
) -> "subprocess.Popen[str]":
    """`python -m cosme_ros COMMAND` with arguments, and with more environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", "cosme_ros", command, *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(command: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit status and all that it said."""
    try:
        said, _ = command.communicate(timeout=PATIENCE)
    finally:
        command.kill()
    return command.returncode, said


def processes_about(path: Path) -> dict[int, str]:
    """Process id to command line of every process that was given `path`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
        if str(path) in command and int(folder.name) != os.getpid():
            found[int(folder.name)] = command
    return found


def wait_for_log(log: Path, words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not log.exists() or words not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < end, f"{log} never said {words!r}"
        time.sleep(0.05)
