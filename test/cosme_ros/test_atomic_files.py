# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
from pathlib import Path

import pytest

from cosme_ros.atomic_files import replace_atomically, write_atomically


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "größer\n")
    write_atomically(tmp_path / "bytes", b"\0\xff")
    assert (tmp_path / "text").read_bytes() == "größer\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\0\xff"
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "text").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("fault", [OSError("no space left on device"), KeyboardInterrupt()])
def test_what_fails_leaves_what_was_there(tmp_path: Path, fault: BaseException) -> None:
    file = tmp_path / "report.html"
    file.write_text("before")

    def half(path: Path) -> None:
        path.write_text("hal")
        raise fault

    with pytest.raises(type(fault)):
        replace_atomically(file, half)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomically(tmp_path / "link", "content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "content"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", "content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)
