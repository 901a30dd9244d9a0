# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recognise bags among files and folders."""

from pathlib import Path

from cosme_ros.bags import storage_mcap, storage_rosbag1, storage_sqlite
from cosme_ros.bags.metadata import METADATA

_SUFFIXES = (".mcap", ".db3", ".bag", ".mcap.zstd", ".db3.zstd")
_BEGINNINGS = (storage_mcap.MAGIC, storage_sqlite.MAGIC, storage_rosbag1.MAGIC)


def is_bag(path: Path) -> bool:
    """Return whether a path is a bag: a file, or a folder with bag files or their metadata.

    A file is a bag by its name or by its first bytes.
    """
    if path.is_dir():
        return any(
            file.name == METADATA or file.name.endswith(_SUFFIXES) for file in path.iterdir()
        )
    if path.name.endswith(_SUFFIXES):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16).startswith(_BEGINNINGS)
