# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads an sqlite3 file of rosbag2 row by row, without changing anything beside it.

A recorder that was killed leaves rows in a write-ahead log, or an unfinished transaction in a
journal, beside the file. SQLite takes them in only where it may write; a copy is read then.
"""

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bags.storage import Contents, OnWarning, StoredMessage, reason_of
from cosme_ros.bags.unpacking import free_bytes
from cosme_ros.visualization.text import counted

MAGIC = b"SQLite format 3\0"

_UNFINISHED = ("-wal", "-journal")
_MOST_LOST = 100_000  # rows in all, one by one: a damaged number may be anything


class SqliteFile:
    """An open sqlite3 file, sound or not.

    Args:
        file: the uncompressed file.
        named: what the user knows it as.
        on_warning: takes a sentence for each thing that cannot be read, when it is met.

    Raises:
        OSError: there is no place for a copy that has to be made.
    """

    def __init__(self, file: Path, named: Path, on_warning: OnWarning) -> None:
        self._named = named
        self._on_warning = on_warning
        self._copy: TemporaryDirectory[str] | None = None
        self._topics: dict[int, tuple[str, str]] = {}
        self._rows: NDArray[np.int64] = np.empty((0, 3), np.int64)
        """Number, topic and time of every row, by time."""
        self._faults: list[str] = []
        """What is known to be missing before anything is read, a sentence each."""
        self.contents = Contents()
        self._file = file
        self._connection = self._connect(file)
        try:
            self._survey()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database, and delete the unpacked copy if there is one."""
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def messages(self, topics: Collection[str], start: int) -> Iterator[StoredMessage]:
        """Yield the messages by time, those of the same time in the order of recording."""
        wanted = [number for number, (topic, _) in self._topics.items() if topic in topics]
        if not wanted:
            return
        for sentence in self._faults:
            self._on_warning(sentence)
        begin = int(np.searchsorted(self._rows[:, 2], start))
        rows = self._rows[begin:]
        for number, topic, time in rows[np.isin(rows[:, 1], wanted)].tolist():
            try:
                found = self._connection.execute(
                    "SELECT data FROM messages WHERE id = ?", (number,)
                ).fetchone()
                if found is None or not isinstance(found[0], bytes):
                    raise ValueError("its data are no bytes")
            except (sqlite3.Error, ValueError) as error:
                self._on_warning(
                    f"{self._named}: the message in row {number} is left out: {reason_of(error)}"
                )
                continue
            yield StoredMessage(*self._topics[topic], time, found[0])

    def _connect(self, file: Path) -> sqlite3.Connection:
        beside = [file.with_name(file.name + suffix) for suffix in _UNFINISHED]
        unfinished = [path for path in beside if path.is_file() and path.stat().st_size]
        mode = "immutable=1"  # else SQLite makes files beside it
        if unfinished:
            self._copy = TemporaryDirectory(prefix="cosme_ros_")
            folder = Path(self._copy.name)
            size = sum(path.stat().st_size for path in (file, *unfinished))
            if size > free_bytes(folder):
                self._copy.cleanup()
                raise OSError(
                    f"{file} has unfinished transactions in {unfinished[0].name}; it is read from "
                    f"a copy of {size} bytes, and {folder.parent} has no place for it. Set TMPDIR "
                    "to a folder that has"
                )
            for path in (file, *unfinished):
                shutil.copyfile(path, folder / path.name)
            file, mode = folder / file.name, "mode=rw"
        # quote: '#', '?' and '%' in a name have a meaning of their own in a URI.
        name = quote(os.fsencode(file.absolute()))
        connection = sqlite3.connect(f"file:{name}?{mode}", uri=True, check_same_thread=False)
        # Without it SQLite opens no file that is shorter than its header states.
        connection.execute("PRAGMA writable_schema = ON")
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return connection

    def _survey(self) -> None:
        try:
            self._topics = {
                number: (str(name), str(kind))
                for number, name, kind in self._connection.execute(
                    "SELECT id, name, type FROM topics"
                )
            }
        except sqlite3.Error as error:
            self._on_warning(f"{self._named}: nothing in it can be read: {reason_of(error)}")
            return
        self.contents.topics = dict(self._topics.values())
        cut = self._list_rows() or _missing_bytes(self._file)
        for topic, count in zip(*np.unique(self._rows[:, 1], return_counts=True), strict=True):
            self.contents.counts[self._topics[int(topic)][0]] += int(count)
        if len(self._rows):
            self.contents.first, self.contents.last = map(int, self._rows[[0, -1], 2])
        if cut:
            self._on_warning(
                f"{self._named}: is cut off: {cut} What can be read of "
                f"{counted(len(self._rows), 'message')} is read."
            )

    def _list_rows(self) -> str:
        """Find every row, its data aside; returns why the end of the table is missing, or ''."""
        rows: list[tuple[int, int, int]] = []
        done, last, lost, cut = 0, None, 0, ""
        while last is None or done < last:
            try:
                # By number, which needs no index.
                for number, topic, time in self._connection.execute(
                    "SELECT id, topic_id, timestamp FROM messages WHERE id > ? ORDER BY id", (done,)
                ):
                    done = number
                    if topic in self._topics and isinstance(time, int):
                        rows.append((number, topic, time))
                    else:
                        self._faults.append(
                            f"{self._named}: the message in row {number} is left out: its topic is "
                            f"{str(topic)[:40]!r} and its time {str(time)[:40]!r}."
                        )
                break
            except sqlite3.Error as error:
                # The row is on a page that is not sound; those on others are.
                cut = reason_of(error)
                try:
                    (last,) = self._connection.execute("SELECT max(id) FROM messages").fetchone()
                except sqlite3.Error:
                    break
                if last is None or lost == _MOST_LOST:
                    break
                cut, done, lost = "", done + 1, lost + 1
        if lost:
            self._faults.append(
                f"{self._named}: {counted(lost, 'row')} left out, on a damaged page."
            )
        found = np.array(rows, np.int64).reshape(-1, 3)
        self._rows = found[np.argsort(found[:, 2], kind="stable")]
        return cut


def _missing_bytes(file: Path) -> str:
    """Return a sentence if the file is shorter than its header states, else ''."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        header = stream.read(100)
    # The number of pages holds if the version that wrote it is the one that changed it last.
    if len(header) < 100 or header[24:28] != header[92:96]:
        return ""
    page = int.from_bytes(header[16:18], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    return f"it has {size} of {whole} bytes." if size < whole else ""
