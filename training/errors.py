# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Errors that a user can put right; the command line prints them as one sentence."""

from cosme_ros.command_frame import Interrupted, UsageError

__all__ = ["Interrupted", "UsageError", "first_line"]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or the error's type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
