# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where figures come from, to be written beside them."""

import shlex
import subprocess
import sys
from pathlib import Path

from training.export.manifest import manifest_sha256

_CHECKOUT = Path(__file__).parents[2]


def provenance(bundle: Path, seed: int, **inputs: str) -> dict[str, str]:
    """Return what is needed to get the same figures again.

    Args:
        bundle: folder of the bundle.
        seed: of every random choice.
        inputs: anything else worth naming.

    Returns:
        `command` (of this process), `commit`, `bundle`, `bundle_sha256` (of its manifest, which
        holds the hashes of all its files), `seed`, and the inputs.
    """
    return {
        "command": shlex.join(["python", "-m", "training", *sys.argv[1:]]),
        "commit": commit(_CHECKOUT),
        "bundle": str(bundle),
        "bundle_sha256": manifest_sha256(bundle),
        "seed": str(seed),
        **inputs,
    }


def commit(folder: Path) -> str:
    """Return a folder's git commit, with `-dirty` if files differ; `unknown` outside of git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        result = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()
