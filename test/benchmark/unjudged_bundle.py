# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A benchmark's bundle in a lower precision.

`python -m training halve` and `quantise` write one only if it keeps the average precision. The
weights here are random, and have none to keep: what is asked is how fast it runs, and how far its
scores move.
"""

import json
from pathlib import Path

from cosme_ros.bundle.loading import sha256_of
from cosme_ros.bundle.writing import write_manifest
from training.export.lower_precision import Convert


def write_unjudged(bundle: Path, out: Path, convert: Convert) -> None:
    """Write the bundle in the folder `bundle`, of single precision, to `out` as `convert` does."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    convert(bundle, out, manifest)
    for file, entry in manifest["files"].items():
        entry["sha256"] = sha256_of(out / file)
    write_manifest(out, manifest)
