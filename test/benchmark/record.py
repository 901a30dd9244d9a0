# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What was measured so far, on disk all the time: a benchmark that is stopped has lost nothing."""

import json
import os
from pathlib import Path
from typing import Any


class Record:
    """A tree of JSON values, written to `path` at every change.

    Whoever reads `path` sees the tree before or after a change, never a part of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree: dict[str, Any] = {}

    def put(self, *place: str, value: Any) -> None:
        """Set what stands at `place`, the keys from the root down, which are made as needed."""
        branch = self.tree
        for key in place[:-1]:
            branch = branch.setdefault(key, {})
        branch[place[-1]] = value
        text = json.dumps(self.tree, indent=2, allow_nan=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(self.path.name + ".part")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.path)
