# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Faults of a GPU as they come, each in a process of its own: what does `Detector` do?"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from record import Record

_SECONDS = 90.0


def measure_faults(bundle: Path, provider: str, record: Record) -> None:
    """Run each fault in a process of its own, and put what its last line says."""
    for fault in FAULTS:
        record.put("faults", fault, value=_outcome([_child(bundle, provider, fault)])[0])
    two = [_child(bundle, provider, "none") for _ in range(2)]
    record.put("faults", "second process", value=_outcome(two))


def _child(bundle: Path, provider: str, fault: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, str(bundle), provider, fault],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _outcome(children: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for child in children:
        try:
            out, err = child.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            found.append({"status": f"did not end within {_SECONDS:g} s"})
            continue
        lines = out.strip().splitlines()
        found.append(
            {
                "status": child.returncode,
                "said": json.loads(lines[-1]) if lines else None,
                "stderr": err.strip()[-600:],
            }
        )
    return found


def _run(bundle: Path, provider: str, fault: str) -> dict[str, Any]:
    import ctypes
    from time import perf_counter

    import numpy as np
    import torch  # first: ONNX Runtime finds CUDA by it

    from cosme_ros.bundle.loading import load_bundle
    from cosme_ros.inference.detector import Detector

    options = {"gpu_mem_limit": str(64 << 20)} if fault == "memory limit" else {}
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    try:
        detector = Detector(load_bundle(bundle), provider=provider, runtime_options=options)
        detector.detect(image)
    except Exception as error:
        return {"at": "opening", "error": type(error).__name__, "text": str(error)[:400]}
    hog: Any = None
    if fault == "full card":
        free, _ = torch.cuda.mem_get_info()
        hog = torch.empty(free - (64 << 20), dtype=torch.uint8, device="cuda")
        image = np.random.default_rng(0).integers(0, 256, (4320, 7680, 3), np.uint8)
    elif fault == "lost device":
        for name in ("libcudart.so.13", "libcudart.so"):
            try:
                ctypes.CDLL(name).cudaDeviceReset()
                break
            except OSError:
                continue
    elif fault == "kernel fault":
        _write_where_nothing_is()
    times = []
    outcome: dict[str, Any] = {"at": "frames"}
    for _ in range(50 if fault == "none" else 3):
        began = perf_counter()
        try:
            score = detector.detect(image).score
        except Exception as error:
            outcome |= {"error": type(error).__name__, "text": str(error)[:400]}
        else:
            outcome["finite"] = bool(np.isfinite(score).all())
        times.append(1000 * (perf_counter() - began))
    outcome["median_ms"] = float(np.median(times))
    if hog is not None:
        del hog
        torch.cuda.empty_cache()
        try:
            detector.detect(image[:720, :1280])
            outcome["afterwards"] = "a frame is answered"
        except Exception as error:
            outcome["afterwards"] = f"{type(error).__name__}: {error}"[:300]
    return outcome


def _write_where_nothing_is() -> None:
    """Write outside of all memory on the GPU: what a broken driver or kernel does to a context."""
    import torch
    import triton
    import triton.language as tl

    @triton.jit
    def broken(pointer):
        tl.store(pointer + (1 << 46), 1.0)

    tensor = torch.zeros(1, device="cuda")
    broken[(1,)](tensor)
    try:
        torch.cuda.synchronize()
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr)


FAULTS = ("memory limit", "full card", "lost device", "kernel fault")

if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(Path(sys.argv[1]), *sys.argv[2:4])) + "\n")
    sys.stdout.flush()
