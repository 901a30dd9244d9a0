# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Tell cameras and streams, which have no end, from files and folders."""

import re
from pathlib import Path

VIDEO_DEVICE = "/dev/video"
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):/+")


def live_address(source: str | Path) -> str | None:
    """Return the address of a camera or a stream, or None for anything else.

    Args:
        source: as a user wrote it. A `Path` of an address has lost one of its two slashes.

    Examples:
        >>> live_address("/dev/video0")
        '/dev/video0'
        >>> live_address(Path("rtsp://camera/front"))
        'rtsp://camera/front'
        >>> live_address("drives/monday")
    """
    text = str(source)
    if text.startswith(VIDEO_DEVICE):
        return text
    if _SCHEME.match(text) and not Path(text).exists():
        return _SCHEME.sub(r"\1://", text)
    return None
