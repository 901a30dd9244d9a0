# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Damaged bundles and bags, and a disk that is full."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from helpers.small_bag import write_small_bag
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from rosbags.rosbag2 import StoragePlugin

from attack.context import Context, Result
from cosme_ros.bundle.loading import BundleError, load_bundle
from cosme_ros.cli import calibrate, evaluate_bag, snapshot
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.providers import ProviderError

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
MEMORY = 4 << 30  # bytes of addresses that a command may take
FAILED = 99
SMALL_DISK = (0, 1000, 20_000, 200_000)  # bytes that fit into one file


def damaged_bundles(context: Context) -> Result:
    """Flip, cut and lose bytes of a bundle: it is refused, or scores what it scored before."""
    random, result = context.random(), Result()
    sound = write_tiny_bundle(context.folder / "sound")
    expected = Detector(load_bundle(sound), provider="cpu", threads=1).detect(STREET).score
    over, tried, refused = context.deadline(), 0, 0
    while not over():
        folder = context.folder / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        what = _damage(random, folder)
        tried += 1
        try:
            score = Detector(load_bundle(folder), provider="cpu", threads=1).detect(STREET).score
        except (BundleError, ProviderError):
            refused += 1
        except Exception as error:
            result.check(False, f"{what}: {type(error).__name__} instead of a sentence")
        else:
            result.check(np.array_equal(score, expected), f"{what}: accepted, with other scores")
    result.figures |= {"bundles": tried, "refused": refused}
    return result


def damaged_bags(context: Context) -> Result:
    """Damage bags: an evaluation ends in order, with what could be read or a sentence."""
    random, result = context.random(), Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    sound = [
        write_small_bag(context.folder / storage.name.lower(), storage=storage)
        for storage in (StoragePlugin.MCAP, StoragePlugin.SQLITE3)
    ]
    over, tried, refused = context.deadline(), 0, 0
    while not over():
        folder = context.folder / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound[tried % len(sound)], folder)
        what = f"{sound[tried % len(sound)].name}: {_damage(random, folder)}"
        tried += 1
        arguments = [str(folder), "--bundle", str(bundle), "--out", str(context.folder / "out")]
        status, printed = run_apart(
            lambda a=arguments: evaluate_bag.main([*a, "--threads", "1", "--quiet"]),
            memory=MEMORY,
        )
        refused += status == 1
        result.check(status in (0, 1, 2), f"{what}: exit status {status}")
        result.check("Traceback" not in printed, f"{what}: a traceback")
        shutil.rmtree(context.folder / "out", ignore_errors=True)
    result.figures |= {"bags": tried, "refused": refused}
    return result


def disk_full(context: Context) -> Result:
    """Let files end at a size: a command says so, and leaves no half of a report."""
    result = Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    bag = write_small_bag(context.folder / "bag")
    commands: dict[str, tuple[Callable[[Sequence[str]], int], list[str]]] = {
        "evaluate_bag": (evaluate_bag.main, ["--threads", "1", "--quiet"]),
        "calibrate": (calibrate.main, ["--threads", "1", "--false-alarms-per-hour", "100000"]),
        "snapshot": (snapshot.main, ["--threads", "1"]),
    }
    tried = 0
    for name, (main, options) in commands.items():
        for size in SMALL_DISK:
            out = context.folder / f"{name}_{size}"
            arguments = [str(bag), "--bundle", str(bundle), "--out", str(out), *options]
            status, printed = run_apart(lambda m=main, a=arguments: m(a), file_size=size)
            tried += 1
            what = f"{name} with {size} bytes left"
            result.check("Traceback" not in printed, f"{what}: a traceback")
            result.check(status in (0, 1), f"{what}: exit status {status}: {printed[-200:]}")
            for file in out.rglob("*") if out.exists() else ():
                result.check(_is_whole(file), f"{what}: half of {file.name} was left")
    result.figures["commands"] = tried
    return result


def run_apart(
    run: Callable[[], int], *, memory: int | None = None, file_size: int | None = None
) -> tuple[int, str]:
    """Run a command in a fork of this process, with limits; return its status and what it printed.

    A fork has all modules already: a trial costs what the command does, not what Python does.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = FAILED
        try:
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.close(reader)
            os.close(writer)
            if memory is not None:
                limit = _address_space() + memory
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            if file_size is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
            status = run()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as pipe:
        printed = pipe.read()
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), printed


def _address_space() -> int:
    """Return the bytes of addresses that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _damage(random: np.random.Generator, folder: Path) -> str:
    """Damage one file of `folder`; return what was done to it."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    file = files[int(random.integers(len(files)))]
    data = bytearray(file.read_bytes())
    kind = str(random.choice(("flip", "cut", "zero", "lose", "lengthen")))
    at = int(random.integers(max(1, len(data))))
    if kind == "flip":
        data[at] ^= 1 << int(random.integers(8))
    elif kind == "cut":
        del data[at:]
    elif kind == "zero":
        data[at : at + 1000] = bytes(len(data[at : at + 1000]))
    elif kind == "lengthen":
        data += bytes(int(random.integers(1, 1000)))
    if kind == "lose":
        file.unlink()
    else:
        file.write_bytes(data)
    return f"{kind} at {at} of {file.name}"


def _is_whole(file: Path) -> bool:
    if not file.is_file() or file.name.startswith("."):
        return True
    if file.suffix == ".json":
        try:
            json.loads(file.read_bytes())
        except ValueError:
            return False
    if file.suffix == ".html":
        return file.read_bytes().rstrip().endswith(b"</html>")
    if file.suffix == ".png":
        return file.read_bytes().endswith(b"IEND\xaeB`\x82")
    return file.stat().st_size > 0
