# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a bundle says of itself."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from cosme_ros.bundle.writing import write_manifest
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from cosme_ros.postprocessing.static_mask import StaticMask, StaticMaskError, load_static_mask
from training.errors import UsageError

MANIFEST_FILE = "manifest.json"

SCHEMA_PATH = Path(__file__).parents[2] / "cosme_ros" / "bundle" / "bundle_schema.json"
"""The contract with the vehicle half."""


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Read a bundle's manifest.

    Raises:
        UsageError: no bundle there.
    """
    manifest: dict[str, Any] = json.loads(_manifest_path(bundle).read_text(encoding="utf-8"))
    return manifest


def input_size(manifest: Mapping[str, Any]) -> tuple[int, int]:
    """Return (height, width) in pixels of the network input that a manifest names."""
    size = manifest["input_size"]
    return size["height"], size["width"]


@contextmanager
def written_whole(bundle: Path) -> Iterator[Path]:
    """Give a folder to write a bundle to; it becomes `bundle` at the end of the block.

    An error in the block leaves `bundle` as it was.
    """
    part = bundle.with_name(bundle.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        shutil.rmtree(bundle, ignore_errors=True)
        part.replace(bundle)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def file_records(files: Iterable[Path]) -> dict[str, dict[str, str]]:
    """Return a manifest's `files`: the SHA-256 of each."""
    return {path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files}


def write_checked_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write a bundle's manifest, which must agree with the schema; return it as written."""
    jsonschema.validate(manifest, json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    return write_manifest(folder, manifest)


def manifest_sha256(bundle: Path) -> str:
    """Return what distinguishes bundles: the manifest holds the hashes of all other files.

    Raises:
        UsageError: no bundle there.
    """
    return hashlib.sha256(_manifest_path(bundle).read_bytes()).hexdigest()


def static_mask_of_fit(
    path: Path | None, manifest: Mapping[str, Any], orientation: ImageOrientation = AS_IT_IS
) -> StaticMask | None:
    """Return the static mask that a bundle was fitted with, turned upright.

    Args:
        path: the file; None for none.
        manifest: of the bundle, with the file's SHA-256 in `fitted_on`.
        orientation: how the camera's images, and the mask as they are, become upright.

    Raises:
        UsageError: the file is no static mask, or not the one of the fit; there is one, and the
            bundle was fitted to whole images, or the other way round.
    """
    try:
        mask = load_static_mask("" if path is None else str(path))
    except StaticMaskError as error:
        raise UsageError(f"--static-mask: {error}") from error
    given = "" if mask is None else mask.sha256
    fitted = str(manifest["fitted_on"].get("static_mask", {}).get("sha256", ""))
    if given != fitted:
        names = [
            f"a mask with SHA-256 {sha256}" if sha256 else "none" for sha256 in (given, fitted)
        ]
        raise UsageError(
            f"--static-mask: it is {names[0]}, and the bundle was fitted with {names[1]}; the one "
            "of the fit is right"
        )
    if mask is None or not orientation.turns:
        return mask
    looked_at = orientation.upright(mask.at(*mask.size).view(np.uint8)).view(np.bool_)
    return StaticMask(looked_at, mask.path, mask.sha256)


def _manifest_path(bundle: Path) -> Path:
    path = bundle / MANIFEST_FILE
    if not path.is_file():
        raise UsageError(f"{bundle} is no bundle: {path} does not exist")
    return path
