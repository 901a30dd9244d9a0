# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import signal
import threading

import pytest

from training.interrupts import deferred_interrupt


def test_the_first_waits_for_the_end_of_the_step() -> None:
    done = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupt:
        for step in range(5):
            if step == 2:
                signal.raise_signal(signal.SIGINT)
            done.append(step)
            if interrupt.wanted:
                break
    assert done == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_second_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it goes on")


def test_an_error_is_not_hidden_and_nothing_is_raised_without_one() -> None:
    with pytest.raises(ValueError, match="damaged"), deferred_interrupt():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("damaged")
    with deferred_interrupt() as interrupt:
        pass
    assert not interrupt.wanted


def test_other_threads_are_left_alone() -> None:
    found = []

    def work() -> None:
        with deferred_interrupt() as interrupt:
            found.append(interrupt.wanted)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
