# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write config/detector.yaml and docs/parameters.md from the tables in cosme_ros/parameters.py.

Run it in the development environment: `make parameters`. `--check` changes nothing: it names the
files that differ from the tables, and exits with 1 if there are any.
"""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from cosme_ros.launching import detector_launch, replay_launch  # noqa: E402
from cosme_ros.parameters import (  # noqa: E402
    PARAMETERS,
    PLAYER_PARAMETERS,
    RECORDER_PARAMETERS,
    Changeable,
    Parameter,
)

YAML_HEAD = """\
# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

# Parameters of /cosme_detector, each at its default. `/**` fits every node name and namespace.
# A launch argument that is given wins over this file; one that is not given leaves it alone.
# Written by `make parameters` from cosme_ros/parameters.py.
/**:
  ros__parameters:
"""
YAML_TAIL = """\

    # The quality of service of every topic can be set here too, under its final name:
    # qos_overrides./camera/image_raw.subscription.reliability: reliable
    # qos_overrides./cosme_detector/output/anomaly_score.publisher.reliability: best_effort
"""
PAGE = """\
# Parameters

This page is written by `make parameters` from [cosme_ros/parameters.py](../cosme_ros/parameters.py)
and [cosme_ros/launching](../cosme_ros/launching). Do not edit it by hand.

- [The detector](#the-detector)
- [Launch arguments of the detector](#launch-arguments-of-the-detector)
- [Launch arguments of the replay](#launch-arguments-of-the-replay)
- [The player](#the-player)
- [The recorder](#the-recorder)

## The detector

Parameters of `/cosme_detector`. [config/detector.yaml](../config/detector.yaml) has all of them at
their defaults. The column *may be set* says when: *always* (the next frame uses the new value),
while the node is *unconfigured*, or *at start* of the process. `ros2 param describe` shows the same
text.

{detector}

The quality of service of every topic is set by the parameters
`qos_overrides.<topic>.<subscription|publisher>.<history|depth|reliability>`, with the topic's final
name.

## Launch arguments of the detector

`ros2 launch cosme_ros detector.launch.py NAME:=VALUE ...`. An argument with the name of a parameter
wins over `params_file`. All arguments and the file are checked before a process is started.

{detector_launch}

## Launch arguments of the replay

`ros2 launch cosme_ros replay.launch.py bag:=BAG bundle:=BUNDLE NAME:=VALUE ...`.

{replay_launch}

## The player

`ros2 run cosme_ros bag_player_node --ros-args -p bag:=BAG` plays a camera's topics of a rosbag2
bag. All parameters are read when the process starts.

{player}

## The recorder

`ros2 run cosme_ros recorder_node --ros-args -p bag:=BAG` records the input and the outputs of a
detector. All parameters are read when the process starts.

{recorder}
"""
WHEN = {
    Changeable.ALWAYS: "always",
    Changeable.UNCONFIGURED: "unconfigured",
    Changeable.NEVER: "at start",
}
WIDTH = 100  # characters of a line


def yaml_text() -> str:
    """Return config/detector.yaml."""
    entries = []
    for row in PARAMETERS:
        text = row.help_text()
        if row.changeable is Changeable.ALWAYS:
            text += " May be set while the node runs."
        comment = textwrap.fill(
            text, WIDTH, initial_indent="    # ", subsequent_indent="    # ", break_on_hyphens=False
        )
        entries.append(f"{comment}\n    {row.name}: {yaml_value(row.default)}\n")
    return YAML_HEAD + "\n".join(entries) + YAML_TAIL


def yaml_value(value: object) -> str:
    """Return a value as YAML, an empty text as two quotes."""
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0] if value != "" else '""'


def page_text() -> str:
    """Return docs/parameters.md."""
    return PAGE.format(
        detector=parameter_table(PARAMETERS, when=True),
        detector_launch=argument_table(
            detector_launch.declared_arguments(Path("config/detector.yaml"))
        ),
        replay_launch=argument_table(replay_launch.ARGUMENTS),
        player=parameter_table(PLAYER_PARAMETERS),
        recorder=parameter_table(RECORDER_PARAMETERS),
    )


def parameter_table(rows: Iterable[Parameter], *, when: bool = False) -> str:
    """Return a table of parameters, with the time at which each may be set if `when`."""
    cells = [
        [
            f"`{row.name}`",
            type(row.default).__name__,
            code(yaml_value(row.default)) if row.default != "" else "empty",
            row.range_text() or ", ".join(code(str(choice)) for choice in row.choices),
            *([WHEN[row.changeable]] if when else []),
            row.description,
        ]
        for row in rows
    ]
    head = ["name", "type", "default", "values", *(["may be set"] if when else []), "meaning"]
    return table(head, cells)


def argument_table(arguments: Mapping[str, tuple[str | None, str]]) -> str:
    """Return a table of launch arguments."""
    cells = [
        [
            f"`{name}`",
            "must be given" if default is None else code(default) if default else "empty",
            text + "." * (not text.endswith(".")),
        ]
        for name, (default, text) in arguments.items()
    ]
    return table(["name", "default", "meaning"], cells)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def code(text: str) -> str:
    """Return a text as Markdown's code."""
    return f"`{text}`"


def main() -> int:
    """Run the command; returns the exit status."""
    made = {"config/detector.yaml": yaml_text(), "docs/parameters.md": page_text()}
    stale = [
        name
        for name, text in made.items()
        if not (REPOSITORY / name).exists()
        or (REPOSITORY / name).read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is not what cosme_ros/parameters.py says: run `make parameters`")
        return int(bool(stale))
    for name in stale:
        (REPOSITORY / name).write_text(made[name], encoding="utf-8")
    print(f"written: {', '.join(stale) or 'nothing, all was right'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
