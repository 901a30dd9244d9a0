# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Memory that broken frames left is returned, now and then."""

import platform
import subprocess
import sys

import pytest

from cosme_ros.node.free_memory import PERIOD, FreeMemory

SCATTERED = """
import os
import numpy as np
from cosme_ros.node.free_memory import malloc_trim
from cosme_ros.malloc_settings import configure_malloc
configure_malloc()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6

kept, freed = [], []
for size in np.random.default_rng(0).integers(10_000, 200_000, 2000):
    freed.append(b"x" * int(size))
    kept.append(b"y" * 5000)
del freed
before = resident()
malloc_trim()
print(before - resident())
"""


def test_memory_is_returned_when_frames_have_failed_and_not_too_often() -> None:
    now, returned = [100.0], []
    memory = FreeMemory(lambda: returned.append(now[0]), lambda: now[0])
    memory.see(0)
    assert returned == []
    memory.see(1)
    assert returned == [100.0]
    now[0] += PERIOD / 2
    memory.see(50)
    assert returned == [100.0], "too soon"
    now[0] += PERIOD / 2
    memory.see(50)
    assert returned == [100.0, 100.0 + PERIOD], "for those in between"
    now[0] += 10 * PERIOD
    memory.see(50)
    assert len(returned) == 2, "no frame has failed since"
    memory.see(0)  # activated anew
    assert len(returned) == 2
    memory.see(50)
    assert len(returned) == 3


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")
def test_what_is_scattered_goes_back_to_the_system() -> None:
    """The pool of `configure_malloc` keeps 200 MB that were freed between what stays."""
    done = subprocess.run(
        [sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 100.0
