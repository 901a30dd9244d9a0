# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
import signal

import pytest

from cosme_ros.command_frame import Interrupted, UsageError, run_command


def raising(error: BaseException):
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UsageError("--rate is -1"), 2, "play: --rate is -1\n"),
        (OSError("disk full"), 1, "play: disk full\n"),
        (KeyboardInterrupt(), 130, "play: interrupted\n"),
        (Interrupted("half of it is in out/"), 130, "play: interrupted: half of it is in out/\n"),
    ],
)
def test_each_end_has_its_status_and_one_sentence(capsys, error, status, words) -> None:
    assert run_command("play", raising(error), (OSError,)) == status
    assert capsys.readouterr().err.lstrip("\n") == words


def test_an_error_that_nobody_foresaw_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command("play", lambda: 1 // 0, (OSError,))
    with pytest.raises(ModuleNotFoundError):
        run_command("play", raising(ModuleNotFoundError("x", name="nobodys_package")))


def test_a_missing_package_is_named(capsys) -> None:
    error = ModuleNotFoundError("no rosbags", name="rosbags.rosbag2")
    assert run_command("play", raising(error)) == 1
    assert "'rosbags' is not installed here. Install it: " in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_ending_signal_is_an_interrupt(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    assert run_command("play", lambda: os.kill(os.getpid(), number)) == 130
    assert signal.getsignal(number) is before
