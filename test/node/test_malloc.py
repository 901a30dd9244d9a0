# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a process that makes large pictures again and again gets from the system, page by page."""

import os
import platform
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.tiny_bundle import street_frame

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="without glibc there is nothing to set"
)
POOL = 64 << 20  # bytes of address space that glibc reserves for each but the main one
FEW, MANY = 200, 20_000  # of 20 frames with 2000 to 6000 pages each
FRAMES = """
import resource, sys, threading
import numpy as np
from cosme_ros.malloc_settings import configure_malloc
if sys.argv[1] == "keep":
    configure_malloc()

def frame():
    score = np.full((1024, 2048), 0.5, np.float32)
    labels = score.astype(np.int32)
    return bytes(score), labels.astype(np.uint8)

def faults():
    for _ in range(5):
        frame()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(20):
        frame()
    print(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

if sys.argv[2] == "main":
    faults()
else:
    thread = threading.Thread(target=faults)
    thread.start()
    thread.join()
"""


def page_faults(what: str, thread: str, **chosen: str) -> int:
    return _printed_number(FRAMES, what, thread, **chosen)


def _printed_number(program: str, *arguments: str, **chosen: str) -> int:
    # Dask sets such variables in this process, for its workers.
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**environment, **chosen},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


BATCHES = """
import resource, sys
import numpy as np
from cosme_ros.malloc_settings import configure_malloc, configure_malloc_for_batches
{"frames": configure_malloc, "batches": configure_malloc_for_batches}[sys.argv[1]]()

def batch():
    features = np.full((16, 112, 256, 64), 0.5, np.float32)
    return float((features * features)[0, 0, 0, 0])

batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults_of_batches(configured: str, **chosen: str) -> int:
    return _printed_number(BATCHES, configured, **chosen)


def test_what_a_batch_frees_serves_the_next() -> None:
    assert page_faults_of_batches("batches") < FEW
    assert page_faults_of_batches("frames") > 10 * FEW  # arrays of 112 MB are more than a node has
    assert page_faults_of_batches("batches", MALLOC_MMAP_MAX_="65536") > 10 * FEW  # a user's choice


@pytest.mark.parametrize("thread", ["main", "other"])
def test_what_a_frame_frees_serves_the_next(thread: str) -> None:
    assert page_faults("keep", thread) < FEW


def test_without_it_every_frame_gets_its_memory_anew() -> None:
    assert page_faults("leave", "main") > MANY


def test_what_the_user_has_set_stays() -> None:
    assert page_faults("keep", "main", MALLOC_MMAP_THRESHOLD_="65536") > MANY


def pools(process: int) -> int:
    """Return how many pools malloc has beside the main one: mappings that fill 64 MB, in part."""
    lines = Path(f"/proc/{process}/maps").read_text().splitlines()
    found = 0
    for line, following in pairwise(lines):
        begin, middle = (int(place, 16) for place in line.split(" ")[0].split("-"))
        then, end = (int(place, 16) for place in following.split(" ")[0].split("-"))
        is_anonymous = all(re.fullmatch(r"(\S+ ){4}0 *", text) for text in (line, following))
        is_reserved = " rw-p " in line and " ---p " in following and middle == then
        found += is_anonymous and is_reserved and begin % POOL == 0 and end - begin == POOL
    return found


def test_all_threads_of_the_node_have_one_pool(start, bundle) -> None:
    """What frames of all sizes leave at the end of another pool goes back to nobody."""
    detector, camera = start(bundle=bundle)
    camera.listen("score")
    camera.ask(lambda: camera.image(street_frame(90, 160)), "score")
    assert pools(detector.process.pid) == 0
