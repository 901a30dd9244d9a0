# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes manifests, and bundles that differ from another in their calibration alone."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bundle.content_digest import with_content_digest
from cosme_ros.bundle.loading import MANIFEST, Bundle, load_bundle
from cosme_ros.output_folder import check_output_dir


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write a bundle's manifest with the hash of its content.

    Args:
        folder: of the bundle; exists.
        manifest: as the schema has it. A hash that it holds already is replaced.

    Returns:
        The manifest as written.

    Raises:
        ValueError: a number is not finite.
    """
    written = with_content_digest(manifest)
    text = json.dumps(written, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / MANIFEST, text)
    return written


def write_recalibrated(
    bundle: Bundle, calibrations: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    """Write `bundle` to `folder` with other calibrations, `calibration` of its manifest.

    `calibrations` maps a folder below `folder` ('' for itself) to one. All other files are copied
    byte for byte, and each bundle is read and verified before any appears, all at once. Raises
    BundleError for a bundle that is not valid then, OutputError where `folder` has content.
    """
    check_output_dir(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        unfinished = Path(temporary) / folder.name
        for place, calibration in calibrations.items():
            _write(bundle, calibration, unfinished / place)
        unfinished.replace(folder)


def _write(bundle: Bundle, calibration: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in bundle.manifest["files"]:
        shutil.copyfile(bundle.path / file, folder / file)
    write_manifest(folder, {**bundle.manifest, "calibration": calibration})
    load_bundle(folder)
