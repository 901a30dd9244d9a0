# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Errors a person can put right; the command line prints them as one sentence."""


class UsageError(Exception):
    """What was asked for cannot be done; the message names the value and what would be right."""


class Interrupted(Exception):  # noqa: N818 (Ctrl-C is no error)
    """Ctrl-C during long work; the message says what was kept and how to go on."""
