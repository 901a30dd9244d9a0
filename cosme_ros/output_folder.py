# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The one rule by which commands of both halves treat what is there already.

- A folder that does not exist, or is empty, is written to.
- A report, which the same command makes again at any time, replaces what the command wrote there
  before. Beside anything else it is written with `--overwrite` only, and then leaves that alone.
- A bundle, a bag and a checkpoint may have taken hours: they are replaced with `--overwrite` only,
  and only where the folder holds nothing else.
- A command that continues an unfinished run accepts the folder of that run without `--overwrite`.

A single file is replaced with `--overwrite` only.
"""

import os
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from cosme_ros.command_frame import UsageError

BUNDLE_CONTENTS = ("manifest.json", "*.onnx", "prototypes.npz", "prototype_pictures.npz")
"""What a bundle's folder may hold, as patterns."""
BAG_CONTENTS = ("metadata.yaml", "*.mcap", "*.db3")
"""What a rosbag2's folder may hold, as patterns."""
_ADVICE = "give another one, or replace it (--overwrite; in a launch file overwrite:=true)"


class OutputError(UsageError):
    """The output cannot be written there; the sentence says what would be right."""


def prepare_output_dir(folder: Path, contents: Sequence[str], *, overwrite: bool = False) -> None:
    """Make `folder`, without the files of an earlier run of the same command.

    Args:
        folder: to write to.
        contents: names of the files and folders that the command writes, as patterns.
        overwrite: whether to write beside what the command did not write.

    Raises:
        OutputError: `folder` has other content and `overwrite` is False, or it cannot be written.
    """
    check_output_dir(folder, overwrite=True)
    present = sorted(folder.iterdir()) if folder.exists() else []
    foreign = [path for path in present if not _matches(path, contents)]
    if foreign and not overwrite:
        raise OutputError(
            f"folder {folder} is not empty: it holds {foreign[0].name}, which this command does "
            "not write; give another folder, or write beside it (--overwrite; in a launch file "
            "overwrite:=true)"
        )
    try:
        for path in present:
            if _matches(path, contents):
                remove(path)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}") from error


def check_output_dir(
    folder: Path, contents: Sequence[str] | None = None, *, overwrite: bool = False
) -> None:
    """Raise OutputError unless `folder` can be written, or replaced as a whole; change nothing.

    Args:
        folder: to write to.
        contents: where the folder is replaced as a whole, the names that it may hold, as patterns.
        overwrite: whether content may be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, and cannot be written as a folder")
    _check_permission(folder)
    content = sorted(folder.iterdir()) if folder.exists() else []
    if content and not overwrite:
        raise OutputError(f"folder {folder} is not empty; {_ADVICE}")
    foreign = [path for path in content if contents is not None and not _matches(path, contents)]
    if foreign:
        raise OutputError(
            f"{folder} is replaced as a whole, and holds {foreign[0].name}, which this command "
            "does not write; move that away, or give another folder"
        )


def check_output_file(file: Path, *, overwrite: bool = False) -> None:
    """Raise OutputError unless `file` can be written; change nothing."""
    if file.is_dir():
        raise OutputError(f"{file} is a folder; give the name of a file")
    _check_permission(file.parent)
    if file.exists() and not overwrite:
        raise OutputError(f"file {file} exists; {_ADVICE}")


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _matches(path: Path, contents: Sequence[str]) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in contents)


def _check_permission(folder: Path) -> None:
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError(f"{folder} cannot be written: {existing} is a file")
    if not os.access(existing, os.W_OK):
        raise OutputError(f"{folder} cannot be written: no permission in {existing}")
