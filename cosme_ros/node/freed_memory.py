# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Memory that one frame frees serves the next, instead of going back to the system in between.

A picture is megabytes, and every stage of a frame makes new ones. The C library hands what is freed
back to the system as soon as it is a few megabytes, and gets it anew page by page: for pictures of
2048x1024 that takes several times as long as all that is computed on them.
"""

import ctypes
import os

# mallopt(3) of glibc: its number for the setting, the variable by which a user sets it, our value.
_SETTINGS = (
    # One pool for all threads: a thread's own is in pieces of 64 MB, and each goes back when empty.
    (-8, "MALLOC_ARENA_MAX", 1),
    # Everything up to 32 MB, the most that glibc allows, comes from the pool...
    (-3, "MALLOC_MMAP_THRESHOLD_", 32 * 1024 * 1024),
    # ...and nothing of it is handed back.
    (-1, "MALLOC_TRIM_THRESHOLD_", 2**31 - 1),
)


def keep_freed_memory() -> None:
    """Set it for this process; to be called before it has threads.

    What the user has set in the environment stays. Without glibc nothing is done.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for number, variable, value in _SETTINGS:
        if variable not in os.environ:
            set_option(number, value)
