# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The hash of a manifest's content, which the manifest itself holds."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

CONTENT_DIGEST = "content_sha256"
"""The manifest's entry; absent from manifests of older exports."""


def content_digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest in hexadecimal.

    Hashed is its JSON with sorted keys, without spaces, in ASCII, and without CONTENT_DIGEST.

    Raises:
        ValueError: a number is not finite.
    """
    content = {key: value for key, value in manifest.items() if key != CONTENT_DIGEST}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def with_content_digest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest that holds the hash of its content; one that it has is replaced.

    Raises:
        ValueError: a number is not finite.
    """
    return {**manifest, CONTENT_DIGEST: content_digest(manifest)}
