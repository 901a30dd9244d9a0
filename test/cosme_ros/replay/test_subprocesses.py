# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import time
from pathlib import Path

import pytest

from cosme_ros.replay.subprocesses import ChildError, ChildProcesses

PROGRAM = """
import signal, sys, time
what = sys.argv[1]
if what == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(what, "began", flush=True)
if what == "fails":
    print("the reason", file=sys.stderr)
    sys.exit(3)
if what == "ends":
    sys.exit(0)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("asked to end", flush=True)
"""


@pytest.fixture
def children(tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    with ChildProcesses(tmp_path / "logs", {**os.environ, "PYTHONPATH": str(tmp_path)}) as children:
        yield children


def start(children: ChildProcesses, what: str):
    child = children.start_module(what, "program", [what])
    end = time.monotonic() + 30
    while "began" not in child.log.read_text(encoding="utf-8"):
        assert time.monotonic() < end
        time.sleep(0.02)
    return child


def test_waits_for_one_while_another_serves(children: ChildProcesses) -> None:
    serving = start(children, "serves")
    children.wait_for(start(children, "ends"), 30)
    assert serving.process.poll() is None


def test_a_failure_tells_the_last_words_of_all(children: ChildProcesses) -> None:
    start(children, "serves")
    failing = start(children, "fails")
    with pytest.raises(ChildError, match="fails ended with exit status 3") as failure:
        children.wait_for(failing, 30)
    assert "    the reason" in str(failure.value)
    assert "serves said last" in str(failure.value)


def test_one_that_was_to_serve_must_not_end_even_well(children: ChildProcesses) -> None:
    start(children, "ends")
    with pytest.raises(ChildError, match="ends ended with exit status 0, while serves needs it"):
        children.wait_for(start(children, "serves"), 30)


def test_one_that_was_waited_for_may_be_gone(children: ChildProcesses) -> None:
    children.wait_for(start(children, "ends"), 30)
    with pytest.raises(ChildError, match=r"serves is not done after 0 s"):
        children.wait_for(start(children, "serves"), 0.2)


def test_stop_asks_politely_first(children: ChildProcesses) -> None:
    child = start(children, "serves")
    children.stop()
    assert child.process.returncode == 0
    assert child.log.read_text(encoding="utf-8").endswith("asked to end\n")


def test_stop_insists(children: ChildProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosme_ros.replay.subprocesses.TERMINATION_SECONDS", 0.2)
    child = start(children, "stubborn")
    children.stop()
    assert child.process.returncode == -signal.SIGKILL
