# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Files that torch writes: read only if they are what was written, written whole or not at all."""

import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from training.errors import UsageError, first_line


def read_checkpoint(path: Path, keys: Iterable[str], *, what: str, remedy: str) -> dict[str, Any]:
    """Read a dictionary that `save_checkpoint` wrote, to the CPU.

    torch does not look at the checksums that lie in its archives: a flipped bit in a weight would
    be another weight. They are in the file itself, so that no kill comes between the two.

    Args:
        path: of the file.
        keys: that the dictionary has at least.
        what: the file should be, as in "no teacher checkpoint".
        remedy: what to do where it is not.

    Raises:
        FileNotFoundError: no such file.
        UsageError: the file is cut, damaged, or something else; nothing of it was run.
    """
    check_archive(path, what=what, remedy=remedy)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        # torch's own sentence advises to load whatever it is without this check.
        raise UsageError(
            f"{path} is no {what}: it holds objects that are neither weights nor numbers; {remedy}"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{path} is no {what}: {first_line(error)[:200]}; {remedy}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no {what}: it holds a {type(content).__name__}; {remedy}")
    missing = sorted(set(keys) - set(content))
    if missing:
        raise UsageError(f"{path} is no {what}: it lacks {', '.join(missing)}; {remedy}")
    return content


def check_archive(path: Path, *, what: str, remedy: str) -> None:
    """Check that a file is an archive as torch writes them, and every checksum in it.

    Args:
        path: of the file.
        what: the file should be.
        remedy: what to do where it is not.

    Raises:
        FileNotFoundError: no such file.
        UsageError: it is none, or it is damaged.
    """
    try:
        with path.open("rb") as stream:
            begin = stream.read(1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; {remedy}") from error
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # of damaged offsets, flags and names anything may be raised
        found = "it is cut off, damaged, or of another kind" if begin else "it is empty"
        raise UsageError(f"{path} is no {what}: {found}; {remedy}") from error
    if damaged is not None:
        raise UsageError(f"{path} is damaged: the checksum of {damaged} in it is wrong; {remedy}")


def save_checkpoint(path: Path, content: object) -> None:
    """Save by way of a temporary name, so that a kill leaves no half-written file.

    Raises:
        UsageError: it cannot be written, for example because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name: what a kill leaves is written over, and does not fill the disk.
    temporary = path.with_name(path.name + ".part")
    try:
        torch.save(content, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer raises RuntimeError
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {first_line(error)}") from error
