"""A benchmark's bundle in half precision.

`python -m training halve` writes one only if it keeps the average precision. The weights here are
random, and have none to keep: what is asked is how fast it runs, and how far its scores move.
"""

import hashlib
import json
import shutil
from pathlib import Path

import onnx

from training.half_precision import halve_inputs, halve_network

NETWORKS = ("teacher", "student")


def write_half_bundle(bundle: Path, out: Path) -> None:
    """Write the bundle in the folder `bundle`, of single precision, to `out` in half precision."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    graphs = manifest["graphs"]
    features = {
        name
        for network in NETWORKS
        for name, tensor in graphs[network]["outputs"].items()
        if tensor["dtype"] == "float32"
    }
    shutil.copytree(bundle, out)
    for network in NETWORKS:
        file = f"{network}.onnx"
        onnx.save(halve_network(onnx.load(bundle / file)), out / file)
    onnx.save(halve_inputs(onnx.load(bundle / "memory.onnx"), features), out / "memory.onnx")
    for side in (*(graphs[network]["outputs"] for network in NETWORKS), graphs["memory"]["inputs"]):
        for name in side.keys() & features:
            side[name]["dtype"] = "float16"
    for file, entry in manifest["files"].items():
        entry["sha256"] = hashlib.sha256((out / file).read_bytes()).hexdigest()
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
