# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the commands have in common: their parser, the node's parameters as options, types.

The options have the names, defaults, ranges and meanings of the node's parameters.
"""

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Sequence

from cosme_ros import __version__, topics
from cosme_ros.command_frame import run_command
from cosme_ros.messages.image_orientation import ImageOrientation
from cosme_ros.parameters import PARAMETERS_BY_NAME, Parameter
from cosme_ros.sources.interface import FRAME_RATE

OBSTACLE_PARAMETERS = (
    "provider",
    "device",
    "false_positive_rate",
    "region",
    "minimum_area",
    "outline",
    "static_mask",
    "marks",
    "image_rotation",
    "image_flip",
    "temporal",
)
"""What decides which obstacles a frame shows: whoever draws or judges them offers all of it."""

DRIVE_HELP = "rosbag2 bag (folder or file), ROS 1 bag, folder of JPEG or PNG images, or video file"
"""Of an argument that `sources.labelled.open_labelled_frames` takes."""

_EXAMPLE = "Example: "


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default to each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        known = "(default" in (action.help or "")
        if known or action.default is None or action.default is False or action.required:
            return action.help
        return super()._get_help_string(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Leave the example on one line: it is there to be copied."""
        example = text.startswith(_EXAMPLE)
        return text if example else super()._fill_text(text, width, indent)


def command_parser(command: str, description: str, *, example: str) -> argparse.ArgumentParser:
    """Return the parser of `python -m cosme_ros COMMAND`, with `--version` and an example."""
    prog = f"python -m cosme_ros {command}"
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"{_EXAMPLE}{prog} {example}",
        formatter_class=_HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cosme_ros {__version__}")
    return parser


def command(
    name: str,
    parser: Callable[[], argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], int | None],
    failures: tuple[type[Exception], ...],
) -> Callable[..., int]:
    """Return the `main` of a command, which takes its arguments and returns the exit status.

    `run` gets the parsed options, and in `options.command` the command as a shell takes it.
    """

    def main(arguments: Sequence[str] | None = None) -> int:
        options = parser().parse_args(arguments)
        given = sys.argv[1:] if arguments is None else arguments
        options.command = shlex.join(["python", "-m", "cosme_ros", name, *given])
        return run_command(name, lambda: run(options), failures)

    return main


def add_overwrite_option(parser: argparse._ActionsContainer) -> None:
    """Add `--overwrite`, as cosme_ros/output_folder.py means it."""
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what an earlier run wrote to the folder; other files there stay",
    )


def add_source_options(parser: argparse._ActionsContainer) -> None:
    """Add `--image-topic` and `--frame-rate`, as `sources.opening.open_source` means them."""
    parser.add_argument(
        "--image-topic",
        help="of a bag: Image, CompressedImage, or H.264 or H.265 packets (default: "
        f"{topics.CAMERA_IMAGE}, or the only topic with pictures)",
    )
    add_frame_rate_option(parser)


def add_frame_rate_option(parser: argparse._ActionsContainer) -> None:
    """Add `--frame-rate`, as `sources.opening.open_source` means it."""
    parser.add_argument(
        "--frame-rate",
        type=positive,
        default=FRAME_RATE,
        help="of a folder of images that are not named by stamps in nanoseconds, 1/s",
    )


def add_node_options(parser: argparse._ActionsContainer, *names: str) -> None:
    """Add `--minimum-area` for the parameter minimum_area, and so on."""
    for name in names:
        row = PARAMETERS_BY_NAME[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=str if isinstance(row.default, str) else _number(row),
            choices=row.choices or None,
            default=row.default,
            help=f"{row.description} (default: {'none' if row.default == '' else '%(default)s'})",
        )


def orientation_of(options: argparse.Namespace) -> ImageOrientation:
    """Return the orientation of `--image-rotation` and `--image-flip`."""
    return ImageOrientation(options.image_rotation, options.image_flip)


def _number(row: Parameter) -> Callable[[str], float | int]:
    kind = int if isinstance(row.default, int) else float

    def number(text: str) -> float | int:
        try:
            value = kind(text)
            row.check(value)
        except ValueError as error:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(
                f"'{text}' is no {what} from {row.minimum} to {row.maximum}"
                if row.minimum is not None
                else f"'{text}' is none of {', '.join(map(str, row.choices))}"
            ) from error
        return value

    return number


def positive(text: str) -> float:
    """Return the finite number above 0 that an option gives."""
    return _between(text, 0, math.inf)


def probability(text: str) -> float:
    """Return the number in the open interval (0, 1) that an option gives."""
    return _between(text, 0, 1)


def at_least(lowest: int) -> Callable[[str], int]:
    """Return the argparse type of an integer not below `lowest`."""

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {lowest} on")
        return value

    return whole


def _between(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low < value < high:
        limits = f"above {low:g}" + ("" if math.isinf(high) else f" and below {high:g}")
        raise argparse.ArgumentTypeError(f"'{text}' is no number {limits}")
    return value
