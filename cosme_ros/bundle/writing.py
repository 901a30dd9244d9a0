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
from cosme_ros.output_folder import BUNDLE_CONTENTS, check_output_dir


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
    bundle: Bundle,
    calibrations: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    overwrite: bool = False,
) -> None:
    """Write `bundle` to `folder` with other calibrations, `calibration` of its manifest.

    All other files are copied byte for byte, and each bundle is read and verified before any
    appears, all at once.

    Args:
        bundle: that is copied.
        calibrations: folder below `folder` ('' for itself) to the calibration of its bundle.
        folder: appears, or is replaced, whole.
        overwrite: whether bundles that are there already may be replaced.

    Raises:
        BundleError: a bundle is not valid then.
        OutputError: `folder` cannot be written, or has content that may not be replaced.
    """
    contents = (*BUNDLE_CONTENTS, *filter(None, calibrations))
    check_output_dir(folder, contents, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        unfinished = Path(temporary) / folder.name
        for place, calibration in calibrations.items():
            written = unfinished / place
            written.mkdir(parents=True)
            for file in bundle.manifest["files"]:
                shutil.copyfile(bundle.path / file, written / file)
            write_manifest(written, {**bundle.manifest, "calibration": calibration})
            load_bundle(written)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.replace(folder)
