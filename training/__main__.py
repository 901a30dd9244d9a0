# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training`: from labelled images to a bundle that the vehicle runs."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cosme_ros import __version__
from cosme_ros.command_frame import run_command
from cosme_ros.malloc_settings import configure_malloc_for_batches
from training.commands.ablate import ablate
from training.commands.datasets import datasets
from training.commands.demo import demo
from training.commands.evaluate import evaluate
from training.commands.fit import fit
from training.commands.import_teacher import import_teacher
from training.commands.lower_precision import bfloat16, halve, quantise
from training.commands.make_bag import make_bag
from training.commands.options import SPREADING
from training.commands.start import start
from training.commands.teacher import teacher

app = typer.Typer(
    name="python -m training",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Train a teacher, fit a bundle to normal frames, make bags, evaluate.

    The shortest way: start: pictures -> a bundle.

    The usual way:

    1. teacher: labelled images -> teacher.pt (import-teacher: a public checkpoint -> the same)

    2. fit: teacher.pt and normal frames without labels -> a bundle

    3. evaluate: a bundle and pictures with known anomalies -> figures, beside baselines; ablate:
    what each layer adds to them

    `halve`, `quantise` and `bfloat16` make a bundle faster, on a GPU and on CPUs;
    `datasets` lists what the commands can read and checks what is on your disk; `make-bag` turns
    pictures into a bag to play to the node; `demo` makes the demo bundle and bag. Each command
    explains itself with --help.

    Example: python -m training fit drive.mcap --teacher runs/camvid/teacher.pt --out my_bundle
    """,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cosme_ros {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
]


@app.callback()
def _main(version: Version = False) -> None:
    configure_malloc_for_batches()


def _add(command: Callable[..., None], epilog: str | None = None) -> None:
    """Add a command in the common frame, with --version."""
    name = command.__name__.replace("_", "-")

    @functools.wraps(command)
    def run(**given: Any) -> None:
        given.pop("version")
        status = run_command(name, functools.partial(command, **given))
        if status:
            raise typer.Exit(status)

    signature = inspect.signature(command)
    version = inspect.Parameter(
        "version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Version
    )
    parameters = (*signature.parameters.values(), version)
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, "version": Version}
    app.command(name, epilog=epilog)(run)


_add(start)
_add(datasets)
_add(teacher, SPREADING)
_add(import_teacher)
_add(fit, SPREADING)
_add(evaluate)
_add(ablate)
_add(halve)
_add(quantise)
_add(bfloat16)
_add(make_bag)
_add(demo)

if __name__ == "__main__":
    app()
