# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a bundle says of itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

from training.errors import UsageError

MANIFEST_FILE = "manifest.json"


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Read a bundle's manifest.

    Raises:
        UsageError: no bundle there.
    """
    manifest: dict[str, Any] = json.loads(_manifest_path(bundle).read_text(encoding="utf-8"))
    return manifest


def manifest_sha256(bundle: Path) -> str:
    """Return what distinguishes bundles: the manifest holds the hashes of all other files.

    Raises:
        UsageError: no bundle there.
    """
    return hashlib.sha256(_manifest_path(bundle).read_bytes()).hexdigest()


def _manifest_path(bundle: Path) -> Path:
    path = bundle / MANIFEST_FILE
    if not path.is_file():
        raise UsageError(f"{bundle} is no bundle: {path} does not exist")
    return path
