# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which packages a test file needs that are not there, found without importing it."""

import ast
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def missing_packages(file: Path, folders: Sequence[Path]) -> list[str]:
    """Return the third-party packages that importing `file` needs and that are not installed.

    `folders` hold the modules that are imported by name and are followed; what a function imports
    when it is called, or within a `try`, is not needed.
    """
    return sorted(name for name in third_party(file, tuple(folders)) if find_spec(name) is None)


@cache
def third_party(file: Path, folders: tuple[Path, ...]) -> frozenset[str]:
    """Return the packages of others that importing `file` imports, by the name of the top."""
    found: set[str] = set()
    for module in _imported(file):
        ours = _file_of(module, folders)
        if ours is not None:
            if ours != file:
                found |= third_party(ours, folders)
        elif module.partition(".")[0] not in sys.stdlib_module_names:
            found.add(module.partition(".")[0])
    return frozenset(found)


def _imported(file: Path) -> list[str]:
    """Names of modules, or of what is in them, that the statements of the file's top import."""
    found = []
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Import):
            found += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found += [f"{statement.module}.{alias.name}" for alias in statement.names]
    return found


def _file_of(module: str, folders: Sequence[Path]) -> Path | None:
    """The file that holds `module`, or the name in it; None for packages of others."""
    for folder in folders:
        parts = module.split(".")
        while parts:
            base = folder.joinpath(*parts)
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.is_file():
                    return candidate
            parts.pop()
    return None
