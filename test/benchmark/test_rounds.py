# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Timing side by side: who runs when, and what becomes of those that fail or take too long."""

from time import sleep

from rounds import time_side_by_side


def test_every_round_has_each_call_once_and_not_always_in_the_same_order():
    ran = []
    calls = {name: lambda name=name: ran.append(name) for name in "abc"}
    result = time_side_by_side(calls, rounds=12, label="order")
    warm, timed = ran[:3], ran[3:]
    assert sorted(warm) == list("abc")
    rounds = [timed[i : i + 3] for i in range(0, 36, 3)]
    assert all(sorted(one) == list("abc") for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert {name: len(seconds) for name, seconds in result.seconds.items()} == dict.fromkeys(
        "abc", 12
    )


def test_a_call_that_raises_is_named_with_its_reason_and_the_others_are_measured():
    def broken():
        raise RuntimeError("no such kernel\nand a page of more")

    result = time_side_by_side({"broken": broken, "sound": int}, rounds=3, label="failure")
    milliseconds = result.milliseconds()
    assert milliseconds["broken"] == {"failed": "RuntimeError: no such kernel"}
    assert milliseconds["sound"]["runs"] == 3


def test_what_takes_longer_than_the_limit_is_timed_once():
    calls = {"slow": lambda: sleep(0.02), "quick": int}
    result = time_side_by_side(calls, rounds=4, label="limit", longest=0.01)
    assert len(result.seconds["slow"]) == 1
    assert len(result.seconds["quick"]) == 4


def test_milliseconds_are_the_time_that_passed():
    result = time_side_by_side({"rest": lambda: sleep(0.03)}, rounds=1, label="unit")
    # A sleep may be longer than asked, on a busy machine by much, but not shorter.
    assert result.milliseconds()["rest"]["median"] >= 30


def test_it_says_after_each_round_what_is_known():
    heard = []

    def said(so_far):
        heard.append(len(so_far.seconds["a"]))

    time_side_by_side({"a": int}, rounds=3, label="said", said=said)
    assert heard == [1, 2, 3]
