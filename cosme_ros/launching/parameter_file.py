# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads a file of ROS parameters as the node will be given them. Imports no ROS."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cosme_ros.parameters import PARAMETERS_BY_NAME

_VALUES = "ros__parameters"


class ParameterFileError(ValueError):
    """The file cannot be used; the sentence says what is wrong with it."""


def parameters_in(path: Path, node: str) -> dict[str, Any]:
    """Return the parameters that the YAML file `path` has for a node, by name.

    `node` is the node's absolute name, as in "/front/cosme_detector". Wildcards are rcl's: `*`
    stands for one part of a name, `**` for any number of them. Raises ParameterFileError for a file
    that cannot be read, or that has a value of the wrong type or range for a parameter of ours.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterFileError(f"cannot be read: {error}") from error
    found: dict[str, Any] = {}
    for pattern, values in _entries(content, ""):
        if _matches(pattern, node):
            found.update(values)
    for name, value in found.items():
        row = PARAMETERS_BY_NAME.get(name)
        fault = row and row.fault(value)
        if fault:
            raise ParameterFileError(f"has parameter '{name}', which {fault}")
    return found


def _entries(content: Any, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the pattern of a node's name and its parameters. Namespaces may be nested."""
    if not isinstance(content, Mapping):
        raise ParameterFileError(f"has no parameters: no `{_VALUES}:` under the name of a node")
    for key, value in content.items():
        if key == _VALUES:
            yield prefix, value or {}
        else:
            yield from _entries(value, f"{prefix}/{str(key).strip('/')}")


def _matches(pattern: str, node: str) -> bool:
    parts = (
        "(/[^/]+)*" if part == "**" else "/[^/]+" if part == "*" else "/" + re.escape(part)
        for part in pattern.strip("/").split("/")
    )
    return re.fullmatch("".join(parts), node) is not None
