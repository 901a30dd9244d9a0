# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Values of launch arguments: each checked, and of the type that is meant.

`ros2 launch` gives every argument as text. What is wrong with one is found here, before anything is
started, and the error names the argument. Imports no ROS.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cosme_ros import topics
from cosme_ros.parameters import PARAMETERS_BY_NAME

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
_YES, _NO = ("true", "1"), ("false", "0")


class ArgumentError(ValueError):
    """A launch argument cannot be used; the sentence names it and what would be right."""

    def __init__(self, name: str, fault: object) -> None:
        """Take what is wrong, as in "is 2, but must be ..."."""
        super().__init__(f"argument '{name}' {fault}")


def flag(name: str, text: str) -> bool:
    """Return whether `text` says true. Raises ArgumentError for what is neither true nor false."""
    word = text.strip().lower()
    if word not in (*_YES, *_NO):
        raise ArgumentError(name, f"is '{text}', but must be true or false")
    return word in _YES


def number(name: str, text: str, minimum: float, maximum: float, *, whole: bool = False) -> float:
    """Return the number in `text`. Raises ArgumentError unless minimum <= it <= maximum."""
    try:
        value = float(int(text) if whole else float(text))
    except ValueError:
        value = math.nan
    if not minimum <= value <= maximum:
        kind = "whole number" if whole else "number"
        raise ArgumentError(
            name, f"is '{text}', but must be a {kind} from {minimum:g} to {maximum:g}"
        )
    return value


def choice(name: str, text: str, choices: Sequence[str]) -> str:
    """Return `text`. Raises ArgumentError where it is none of `choices`."""
    if text not in choices:
        raise ArgumentError(name, f"is '{text}', but must be one of: {', '.join(choices)}")
    return text


def log_level(name: str, text: str) -> str:
    """Return a level, or one for a logger as in "rcl:=debug". Raises ArgumentError."""
    choice(name, text.rpartition(":=")[2], LOG_LEVELS)
    return text


def parameter(name: str, text: str) -> str | bool | int | float:
    """Return the value of the node's parameter `name`, of the type that the node declares.

    Raises ArgumentError for a value that the node would refuse.
    """
    row = PARAMETERS_BY_NAME[name]
    value: str | bool | int | float = text
    if isinstance(row.default, bool):
        value = flag(name, text)
    elif isinstance(row.default, int):
        try:
            value = int(text)
        except ValueError as error:
            raise ArgumentError(name, f"is '{text}', but must be a whole number") from error
    elif isinstance(row.default, float):
        low = -math.inf if row.minimum is None else row.minimum
        high = math.inf if row.maximum is None else row.maximum
        value = number(name, text, low, high)
    fault = row.fault(value)
    if fault is not None:
        raise ArgumentError(name, fault)
    return value


def topic(name: str, text: str) -> str:
    """Return `text`. Raises ArgumentError for what is no name of a topic."""
    try:
        return topics.check_topic(text)
    except ValueError as error:
        raise ArgumentError(name, error) from error


def camera_topics(name: str, pattern: str, cameras: Sequence[str]) -> Mapping[str, str]:
    """Return the topic of each camera: `pattern` with its name for "{camera}".

    Raises ArgumentError for what is no name of a topic, for a pattern without cameras that have
    names, and for cameras that would share a topic.
    """
    if topics.CAMERA_PLACEHOLDER in pattern and topics.ONLY_CAMERA in cameras:
        raise ArgumentError(
            name,
            f"is '{pattern}', but there are no names to put for {topics.CAMERA_PLACEHOLDER}; "
            "name the cameras, as in cameras:=front,rear",
        )
    try:
        found = topics.of_each_camera(pattern, cameras)
    except ValueError as error:
        raise ArgumentError(name, f"does not fit argument 'cameras': {error}") from error
    return {camera: topic(name, of_camera) for camera, of_camera in found.items()}


def namespace(name: str, text: str) -> str:
    """Return an absolute namespace, or an empty one. Raises ArgumentError."""
    bare = text.strip("/")
    return topic(name, f"/{bare}") if bare else ""


def frame(name: str, text: str) -> str:
    """Return the name of a coordinate frame. Raises ArgumentError."""
    if not text or re.search(r"\s", text) or text.startswith("-"):
        raise ArgumentError(
            name, f"is '{text}', but must be a frame_id without blanks, as in camera_optical"
        )
    return text


def folder(name: str, text: str, *, holding: str) -> Path:
    """Return the directory. Raises ArgumentError unless it is there and holds that file."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise ArgumentError(name, f"is '{text}', but there is no such directory")
    if not (path / holding).is_file():
        raise ArgumentError(name, f"is '{text}', but that directory holds no {holding}")
    return path
