# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How glibc's malloc keeps memory, in a node and in the commands of training.

Imports nothing that starts a thread: see `configure_malloc`.
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


# A batch's features take hundreds of megabytes, which malloc asks of the system and returns at each
# step: without this, a quarter of `fit`'s processor time and more goes into clearing new pages.
_SETTINGS_FOR_BATCHES = (
    (-4, "MALLOC_MMAP_MAX_", 0),
    (-1, "MALLOC_TRIM_THRESHOLD_", 2**31 - 1),
)


def configure_malloc() -> None:
    """Keep freed memory for this process, in one pool.

    To be called before the process has threads, thus before NumPy and rclpy are imported. A thread
    that exists already has a pool of its own. Later threads share all pools that there are, and
    `malloc_trim` does not return the free end of such a pool to the system.

    What the user has set in the environment stays. Without glibc nothing is done.
    """
    _set_options(_SETTINGS)


def configure_malloc_for_batches() -> None:
    """Keep freed memory of any size for this process, whose work is the same again and again.

    For a command that ends. What the user has set in the environment stays. Without glibc nothing
    is done.
    """
    _set_options(_SETTINGS_FOR_BATCHES)


def _set_options(settings: tuple[tuple[int, str, int], ...]) -> None:
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for number, variable, value in settings:
        if variable not in os.environ:
            set_option(number, value)
