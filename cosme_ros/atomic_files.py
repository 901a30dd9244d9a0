# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written beside its place, then move it there.

    When anything fails, a full disk or an interrupt, the file that was there before stays as it is.

    Args:
        path: of the file; its folder exists. A link stays one; what it points to is replaced. A
            pipe or a device is written directly.
        write: writes to the path that it is given, which has the suffix of `path`.

    Raises:
        OSError: it cannot be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        write(target)
        return
    unfinished = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix}")
    try:
        write(unfinished)
        with unfinished.open("rb") as stream:
            os.fsync(stream.fileno())  # else a power cut may leave the name without the content
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text in UTF-8. As `replace_atomically`."""
    encoded = content.encode("utf-8") if isinstance(content, str) else content
    replace_atomically(path, lambda unfinished: unfinished.write_bytes(encoded))
