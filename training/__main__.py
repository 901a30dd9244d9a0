# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m training`: from labelled images to a bundle that the vehicle runs."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.missing_packages import sentence
from training.commands.ablate import ablate
from training.commands.datasets import datasets
from training.commands.demo import demo
from training.commands.evaluate import evaluate
from training.commands.fit import fit
from training.commands.halve import halve
from training.commands.import_teacher import import_teacher
from training.commands.make_bag import make_bag
from training.commands.options import SPREADING
from training.commands.quantise import quantise
from training.commands.start import start
from training.commands.teacher import teacher
from training.errors import Interrupted, UsageError

P = ParamSpec("P")
R = TypeVar("R")

_FAILED = 2
_INTERRUPTED = 130

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

    `halve` and `quantise` make a bundle faster, on a GPU and on a CPU;
    `datasets` lists what the commands can read and checks what is on your disk; `make-bag` turns
    pictures into a bag to play to the node; `demo` makes the demo bundle and bag. Each command
    explains itself with --help.
    """,
)


def _speaking_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a foreseen error into one red sentence and exit code 2, Ctrl-C into 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UsageError as error:
            # Lines of our own stay lines; names of files and topics may hold anything else.
            lines = [printable(line, MOST_OF_A_SENTENCE) for line in str(error).split("\n")]
            typer.secho("\n".join(lines), fg=typer.colors.RED, err=True)
            raise typer.Exit(_FAILED) from None
        except ModuleNotFoundError as error:
            told = sentence(error)
            if told is None:
                raise
            typer.secho(told, fg=typer.colors.RED, err=True)
            raise typer.Exit(_FAILED) from None
        except Interrupted as interruption:
            typer.secho(f"interrupted: {interruption}", fg=typer.colors.YELLOW, err=True)
            raise typer.Exit(_INTERRUPTED) from None
        except KeyboardInterrupt:
            typer.secho("interrupted", fg=typer.colors.YELLOW, err=True)
            raise typer.Exit(_INTERRUPTED) from None

    return run


app.command()(_speaking_plainly(start))
app.command()(_speaking_plainly(datasets))
app.command(epilog=SPREADING)(_speaking_plainly(teacher))
app.command()(_speaking_plainly(import_teacher))
app.command(epilog=SPREADING)(_speaking_plainly(fit))
app.command()(_speaking_plainly(evaluate))
app.command()(_speaking_plainly(ablate))
app.command()(_speaking_plainly(halve))
app.command()(_speaking_plainly(quantise))
app.command()(_speaking_plainly(make_bag))
app.command()(_speaking_plainly(demo))

if __name__ == "__main__":
    app()
