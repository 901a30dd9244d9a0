# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import argparse

import pytest

from cosme_ros.cli.options import at_least, positive, probability


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "sentence"),
    [
        (
            positive,
            {"0.5": 0.5, "1e3": 1000.0},
            ["0", "-1", "nan", "inf", "ten"],
            "no number above 0",
        ),
        (probability, {"0.95": 0.95}, ["0", "1", "nan", "95 %"], "no number above 0 and below 1"),
        (at_least(0), {"0": 0, "7": 7}, ["-1", "1.5", ""], "no whole number from 0 on"),
        (at_least(1), {"1": 1}, ["0", "one"], "no whole number from 1 on"),
    ],
)
def test_what_is_no_such_number_is_refused_with_what_is_right(kind, right, wrong, sentence) -> None:
    for text, value in right.items():
        assert kind(text) == value
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"^'{text}' is {sentence}$"):
            kind(text)
