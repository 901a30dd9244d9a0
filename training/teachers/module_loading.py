# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Anybody's network by the name of the function that makes it."""

import importlib
import operator
import re
from pathlib import Path

from torch import nn

from training.errors import UsageError
from training.teachers.public_weights import load_whole, read_weights

MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""`package.module:function`, as entry points are written."""


def load_module(spelling: str, weights: str | Path | None = None) -> nn.Module:
    """Call the function that a command line names, and give what it returns its weights.

    Args:
        spelling: `my_module:build`, a function without arguments that returns an `nn.Module`.
        weights: file of a state dictionary to load into it; None leaves it as it is.

    Raises:
        UsageError: there is no such function, it fails, or the weights do not fit.
    """
    module = _build(spelling)
    if weights is not None:
        load_whole(module, read_weights(Path(weights)), Path(weights))
    return module


def _build(spelling: str) -> nn.Module:
    name, _, attribute = spelling.partition(":")
    try:
        found = importlib.import_module(name)
    # An import runs whatever the module does, so anything may come out of it.
    except Exception as error:
        raise UsageError(
            f"cannot import {name} of {spelling}: {type(error).__name__}: {error}; it "
            "has to lie in the current folder, in PYTHONPATH or among the installed packages"
        ) from error
    try:
        build = operator.attrgetter(attribute)(found)
    except AttributeError:
        raise UsageError(f"{name} has no {attribute}, which {spelling} names") from None
    if not callable(build):
        raise UsageError(
            f"{spelling} is a {type(build).__name__}; a function without arguments that returns "
            "a torch.nn.Module is needed"
        )
    try:
        module = build()
    except Exception as error:
        raise UsageError(f"{spelling}() failed: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise UsageError(
            f"{spelling}() returns a {type(module).__name__}; a torch.nn.Module is needed"
        )
    return module
