"""Opens a teacher, whether a checkpoint of this package or anybody's network."""

import importlib
import operator
import re
from pathlib import Path

from torch import nn

from training.checkpoint import TeacherCheckpoint, load_teacher
from training.datasets.registry import load_class_list
from training.errors import UsageError
from training.public_weights import load_whole, read_weights
from training.teachers.any_module import AnyModule, parse_layers, parse_normalization

MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""`package.module:function`, as entry points are written."""

DEFAULT_NORMALIZATION = "imagenet"


def open_teacher(
    teacher: str,
    *,
    sizes: tuple[tuple[int, int], ...],
    layers: str | None = None,
    normalization: str | None = None,
    classes: str | None = None,
    weights: Path | None = None,
) -> TeacherCheckpoint:
    """Open the teacher that a command line names; its network is frozen, on the CPU.

    Args:
        teacher: path of a checkpoint that `teacher` or `import-teacher` wrote, or
            `my_module:build`, a function without arguments that returns an `nn.Module`.
        sizes: (height, width) in pixels of every input that it will be given, the first of them
            the network input of the bundle.
        layers: for a module: `c4=backbone.layer3,...`, see `AnyModule`.
        normalization: for a module: `imagenet` (without it, too) or `MEAN/DEVIATION`.
        classes: for a module: name or file of its class list.
        weights: for a module: file of a state dictionary to load into it.

    Raises:
        UsageError: there is no such teacher, or what is said of it does not hold.
    """
    if not MODULE.fullmatch(teacher) or Path(teacher).exists():
        _refuse_module_options(teacher, layers, normalization, classes, weights)
        try:
            return load_teacher(Path(teacher))
        except FileNotFoundError:
            raise UsageError(
                f"teacher {teacher} does not exist; expected a checkpoint that "
                "`python -m training teacher` wrote, or my_module:build"
            ) from None
        except ValueError as error:
            raise UsageError(str(error)) from error
    if layers is None or classes is None:
        raise UsageError(
            f"the teacher {teacher} needs --layers (c4=path.in.the.network,...,lh=...,o=...) and "
            "--classes (a class list)"
        )
    mapping = parse_layers(layers)
    statistics = parse_normalization(normalization or DEFAULT_NORMALIZATION)
    names = load_class_list(classes).classes
    module = _build(teacher)
    if weights is not None:
        load_whole(module, read_weights(weights), weights)
    network = AnyModule(module, mapping, classes=len(names), normalization=statistics, sizes=sizes)
    return TeacherCheckpoint(
        network,
        f"module:{teacher}",
        1.0,
        names,
        "unknown frames" if weights is None else f"unknown frames ({weights.name})",
    )


def _refuse_module_options(teacher: str, *values: object) -> None:
    options = ("--layers", "--normalization", "--classes", "--teacher-weights")
    given = [option for option, value in zip(options, values, strict=True) if value is not None]
    if given:
        raise UsageError(
            f"{' and '.join(given)} describe a teacher given as my_module:build; {teacher} is a "
            "checkpoint, which knows these itself"
        )


def _build(teacher: str) -> nn.Module:
    name, _, attribute = teacher.partition(":")
    try:
        found = importlib.import_module(name)
    # An import runs whatever the module does, so anything may come out of it.
    except Exception as error:
        raise UsageError(
            f"cannot import {name} of the teacher {teacher}: {type(error).__name__}: {error}; it "
            "has to lie in the current folder, in PYTHONPATH or among the installed packages"
        ) from error
    try:
        build = operator.attrgetter(attribute)(found)
    except AttributeError:
        raise UsageError(f"{name} has no {attribute}, which the teacher {teacher} names") from None
    if not callable(build):
        raise UsageError(
            f"{teacher} is a {type(build).__name__}; a function without arguments that returns "
            "a torch.nn.Module is needed"
        )
    try:
        module = build()
    except Exception as error:
        raise UsageError(f"{teacher}() failed: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise UsageError(
            f"{teacher}() returns a {type(module).__name__}; a torch.nn.Module is needed"
        )
    return module
